"""A bucket of Amazon S3, or of a service that speaks the same: files go there, whole or not."""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final

import boto3
import botocore.exceptions as failures
from botocore.config import Config

from newsletter.errors import AccountError, InputError

#: For a name that tells the content: whoever has the file need never ask for it again (RFC 8246).
FOR_EVER: Final = "public, max-age=31536000, immutable"
_TYPES: Final = {
    "feed.xml": "application/atom+xml", "rss.xml": "application/rss+xml", "webp": "image/webp",
    "avif": "image/avif",
}  # fmt: skip
_CONNECT_SECONDS: Final = 10
_READ_SECONDS: Final = 60
_HINTS: Final = {
    "NoSuchBucket": "make the bucket, or see its name",
    "AccessDenied": "see which rights its keys need there: docs/pictures.md, docs/archive.md",
    "InvalidAccessKeyId": "see images.profile and the keys in AWS's configuration",
    "SignatureDoesNotMatch": "see images.profile and the keys in AWS's configuration",
}


class Bucket:
    """Where files are put.

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
                f"nothing can be published: {error}", hint="see images.profile"
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
        with self._told():
            try:
                found = self._client.head_object(Bucket=self._bucket, Key=self._prefix + path)
            except failures.ClientError as error:
                status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
                # Whoever may not list a bucket is told "forbidden" of what is not there.
                if status in {HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN}:
                    return False
                raise
        return bool(found["ContentLength"] == size)

    def sizes(self) -> dict[str, int]:
        """What is there, in bytes by path.

        Raises:
            AccountError: as for `has`.
        """
        with self._told():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix
            )
            return {
                str(one["Key"]).removeprefix(self._prefix): int(one["Size"])
                for page in pages
                for one in page.get("Contents", ())
            }

    def read(self, path: str) -> bytes:
        """The bytes of a file that is there.

        Raises:
            AccountError: as for `has`.
        """
        with self._told():
            found = self._client.get_object(Bucket=self._bucket, Key=self._prefix + path)
            return bytes(found["Body"].read())

    def put(self, path: str, data: bytes, *, cache: str = FOR_EVER) -> None:
        """Put a file; readers find all of it or nothing.

        Args:
            path: below the prefix.
            data: all of it.
            cache: how long others may keep it, as Cache-Control says it.

        Raises:
            AccountError: as for `has`.
        """
        with self._told():
            self._client.put_object(
                Bucket=self._bucket, Key=self._prefix + path, Body=data,
                ContentType=_type(path), CacheControl=cache,
            )  # fmt: skip

    def delete(self, path: str) -> None:
        """Delete a file; it need not be there.

        Raises:
            AccountError: as for `has`.
        """
        with self._told():
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + path)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What the service refuses, or cannot be asked, in our words."""
        try:
            yield
        except failures.ClientError as error:
            raise self._refused(error) from error
        except failures.BotoCoreError as error:
            raise self._unreached(error) from error

    def _refused(self, error: failures.ClientError) -> AccountError:
        code = str(error.response.get("Error", {}).get("Code", "unknown"))
        return AccountError(
            f"{self.name} refuses: {code}",
            hint=_HINTS.get(code, "run the same command again when that is fixed"),
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


def _type(path: str) -> str:
    """What a browser takes a file for."""
    name = path.rpartition("/")[2]
    known = _TYPES.get(name) or _TYPES.get(name.rpartition(".")[2])
    kind = known or mimetypes.guess_type(name)[0] or "text/plain"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
