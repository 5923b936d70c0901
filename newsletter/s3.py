"""A bucket of Amazon S3, or of a service that speaks the same: pictures go there, whole or not."""

from __future__ import annotations

import os
from http import HTTPStatus
from typing import Any, Final

import boto3
import botocore.exceptions as failures
from botocore.config import Config

from newsletter.errors import AccountError, InputError

#: A name tells the content, so whoever has a picture need never ask for it again (RFC 8246).
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_KINDS: Final = {"png": "image/png", "jpg": "image/jpeg", "gif": "image/gif"}
_CONNECT_SECONDS: Final = 10
_READ_SECONDS: Final = 60
_HINTS: Final = {
    "NoSuchBucket": "make the bucket, or see images.to",
    "AccessDenied": "its keys need s3:PutObject and s3:GetObject there",
    "InvalidAccessKeyId": "see images.profile and the keys in AWS's configuration",
    "SignatureDoesNotMatch": "see images.profile and the keys in AWS's configuration",
}


class Bucket:
    """Where pictures are put.

    Args:
        url: `s3://BUCKET` or `s3://BUCKET/PREFIX`.
        endpoint: of another service, "" for Amazon's.
        profile: of AWS's own configuration, "" for the usual one.

    Raises:
        AccountError: there is no such profile.
        InputError: the endpoint is no address.
    """

    def __init__(self, url: str, *, endpoint: str, profile: str) -> None:
        self._bucket, _, prefix = url.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self.name = url
        config = Config(
            retries={"total_max_attempts": 4, "mode": "standard"},
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            # What other services do not know, and Amazon's need not be told.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path"} if endpoint else None,
        )
        try:
            session = boto3.Session(profile_name=profile or None)
            # boto3 follows a bucket to its own region; some region has to be signed with first.
            region = session.region_name or os.environ.get("AWS_REGION") or "us-east-1"
            self._client: Any = session.client(
                "s3", region_name=region, endpoint_url=endpoint or None, config=config
            )
        except failures.BotoCoreError as error:
            raise AccountError(
                f"the pictures cannot be published: {error}", hint="see images.profile"
            ) from error
        except ValueError as error:
            raise InputError(
                "the address of the bucket's service is none", hint="see images.endpoint"
            ) from error

    def has(self, path: str, size: int) -> bool:
        """Whether something of this size (bytes) is there; unsure counts as no.

        Raises:
            AccountError: the bucket refuses, or cannot be reached.
        """
        try:
            found = self._client.head_object(Bucket=self._bucket, Key=self._prefix + path)
        except failures.ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            # Whoever may not list a bucket is told "forbidden" of what is not there.
            if status in {HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN}:
                return False
            raise self._refused(error) from error
        except failures.BotoCoreError as error:
            raise self._unreached(error) from error
        return bool(found["ContentLength"] == size)

    def put(self, path: str, data: bytes) -> None:
        """Put a picture; readers find all of it or nothing.

        Raises:
            AccountError: as for `has`.
        """
        try:
            self._client.put_object(
                Bucket=self._bucket, Key=self._prefix + path, Body=data,
                ContentType=_KINDS[path.rpartition(".")[2]], CacheControl=_FOR_EVER,
            )  # fmt: skip
        except failures.ClientError as error:
            raise self._refused(error) from error
        except failures.BotoCoreError as error:
            raise self._unreached(error) from error

    def _refused(self, error: failures.ClientError) -> AccountError:
        code = str(error.response.get("Error", {}).get("Code", "unknown"))
        return AccountError(
            f"{self.name} takes no picture: {code}",
            hint=_HINTS.get(code, "newsletter images push, when that is fixed"),
        )

    def _unreached(self, error: failures.BotoCoreError) -> AccountError:
        if isinstance(error, failures.NoCredentialsError | failures.PartialCredentialsError):
            return AccountError(
                f"there are no keys for {self.name}",
                hint="see images.profile and AWS's own configuration",
            )
        return AccountError(
            f"{self.name} cannot be reached: {type(error).__name__}",
            hint="see the connection and images.endpoint",
        )
