"""The policy for the host that sends; whoever operates it attaches the policy to a role or user."""

from __future__ import annotations

import json
from typing import Any, Final

from newsletter.ses.setup.blueprint import POLICY_PATH
from newsletter.ses.setup.part import Part, PartStanding, SeenPart, judged

#: IAM keeps so many versions of a policy.
_MOST_VERSIONS: Final = 5


class SendingPolicy(Part):
    """The least that sending needs."""

    id = "policy"
    needed = False

    def look(self) -> SeenPart:
        found = self._policy()
        if found is None:
            return SeenPart(standing=PartStanding.MISSING, detail=self.plan.policy)
        told = self._read("list_policy_tags") or {}
        tags = {one["Key"]: one["Value"] for one in told.get("Tags", ())}
        version = self._read("get_policy_version", VersionId=found["DefaultVersionId"]) or {}
        document = version.get("PolicyVersion", {}).get("Document")
        drift = [] if document == self.plan.sending_rights else ["grants something else -> ours"]
        drift = self.plan.others(tags) or drift
        return judged(self.plan.policy, drift, ours=self.plan.are_ours(tags))

    def make(self) -> None:
        document = json.dumps(self.plan.sending_rights)
        if self._policy() is None:
            tags = [{"Key": key, "Value": value} for key, value in self.plan.tags.items()]
            self.control.write(
                "iam", "create_policy", PolicyName=self.plan.policy, Path=POLICY_PATH,
                PolicyDocument=document, Tags=tags,
            )  # fmt: skip
            return
        versions = self._others()
        if len(versions) + 1 >= _MOST_VERSIONS:
            self._write("delete_policy_version", VersionId=versions[-1])
        self._write("create_policy_version", PolicyDocument=document, SetAsDefault=True)

    def undo(self) -> None:
        for version in self._others():
            self._write("delete_policy_version", VersionId=version)
        self._write("delete_policy")

    def obstacle(self) -> str:
        found = self._read("list_entities_for_policy") or {}
        names = [
            one[f"{kind}Name"]
            for kind in ("Role", "User", "Group")
            for one in found.get(f"Policy{kind}s", ())
        ]
        return f"it is attached to {', '.join(names)}" if names else ""

    def _policy(self) -> dict[str, Any] | None:
        found = self._read("get_policy")
        return dict(found["Policy"]) if found else None

    def _others(self) -> list[str]:
        """The versions that are not in force, the newest first."""
        found = self._read("list_policy_versions") or {}
        return [one["VersionId"] for one in found["Versions"] if not one["IsDefaultVersion"]]

    def _read(self, operation: str, **asked: object) -> dict[str, Any] | None:
        return self.control.read("iam", operation, PolicyArn=self.plan.policy_arn, **asked)

    def _write(self, operation: str, **asked: object) -> None:
        self.control.write("iam", operation, PolicyArn=self.plan.policy_arn, **asked)
