"""The three buckets: what users drop, intermediates, results.

If the stack is deleted, inbox and results are kept; intermediates can be computed again.
``ionbox_cloud/keys.py`` says what lies in each.
"""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy, aws_iam, aws_kms, aws_s3
from constructs import Construct

from cdk.names import name_resource
from cdk.permissions import Objects
from cdk.reviewed import acknowledge, acknowledge_wildcard
from cdk.settings import StackSettings

_OLD_VERSIONS = Duration.days(30)  # of what was replaced or deleted in the inbox or the results
_INCOMPLETE_UPLOADS = Duration.days(7)  # their parts are billed, and listed nowhere

# Of a first deployment that failed nothing is left; there is nothing in it, either.
_KEPT = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE

# Folders of the work bucket that expire; claims are kept for longer.
_INTERMEDIATES = (
    *("databases/", "datasets/", "patterns/", "mz-errors/", "scores/"),
    *("runs/", "sort/", "executions/"),
)
# Step Functions does not take a name again within 90 days: attempts must be remembered for longer,
# or a new one would get the name of an old one.
_CLAIMS = Duration.days(120)

_FOLDER = "one folder of one bucket; object names are only known in a run"


class Storage(Construct):
    """The buckets, and who may touch what in them.

    Parameters
    ----------
    scope : Construct
        The stack that the resources belong to.
    settings : StackSettings
        What the deployer chose: how long objects are kept, and by which key they are encrypted.
    """

    def __init__(self, scope: Construct, settings: StackSettings) -> None:
        super().__init__(scope, "Storage")
        self._settings = settings
        self._own = {
            "Inbox": settings.inbox_bucket,
            "Work": settings.work_bucket,
            "Results": settings.results_bucket,
        }
        self._key = (
            aws_kms.Key.from_key_arn(self, "Key", settings.kms_key_arn)
            if settings.kms_key_arn
            else None
        )
        self.inbox = self._bucket(
            "Inbox",
            settings.inbox_bucket,
            _KEPT,
            versioned=True,
            rules=[_old_versions()],
        )
        inbox = self.inbox.node.default_child
        if isinstance(inbox, aws_s3.CfnBucket):  # not if it is the user's own
            # not event_bridge_enabled=True: that installs a function to set this one property
            inbox.add_property_override(
                "NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled", True
            )
        self.work = self._bucket(
            "Work",
            settings.work_bucket,
            RemovalPolicy.DESTROY,
            rules=[
                *(
                    aws_s3.LifecycleRule(
                        id=folder.rstrip("/"),
                        prefix=folder,
                        expiration=Duration.days(settings.work_expiry_days),
                    )
                    for folder in _INTERMEDIATES
                ),
                aws_s3.LifecycleRule(id="claims", prefix="claims/", expiration=_CLAIMS),
            ],
        )
        self.results = self._bucket(
            "Results",
            settings.results_bucket,
            _KEPT,
            versioned=True,
            rules=[
                _old_versions(),
                aws_s3.LifecycleRule(
                    id="segments",
                    prefix="segments/",
                    expiration=Duration.days(settings.segments_expiry_days),
                    # they can be made again: once expired, they are not kept for another month
                    noncurrent_version_expiration=Duration.days(1),
                ),
            ],
        )

    def _bucket(
        self,
        name: str,
        own: str,
        removal_policy: RemovalPolicy,
        *,
        versioned: bool = False,
        rules: list[aws_s3.LifecycleRule],
    ) -> aws_s3.IBucket:
        """Make a bucket, or take one of the user's own, which is left as it is."""
        if own:
            return aws_s3.Bucket.from_bucket_name(self, name, own)
        uploads = aws_s3.LifecycleRule(
            id="incomplete-uploads", abort_incomplete_multipart_upload_after=_INCOMPLETE_UPLOADS
        )
        bucket = aws_s3.Bucket(
            self,
            name,
            block_public_access=aws_s3.BlockPublicAccess.BLOCK_ALL,
            encryption=(
                aws_s3.BucketEncryption.KMS if self._key else aws_s3.BucketEncryption.S3_MANAGED
            ),
            encryption_key=self._key,
            bucket_key_enabled=True if self._key else None,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            object_ownership=aws_s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            versioned=versioned,
            lifecycle_rules=[*rules, uploads],
            removal_policy=removal_policy,
        )
        name_resource(bucket, f"{name}Bucket")
        acknowledge(
            bucket,
            "S1",
            "access logs need a fourth bucket that grows for ever; who must audit objects turns on "
            "CloudTrail data events for the account",
        )
        return bucket

    def environment(self) -> dict[str, str]:
        """Return the variables by which handlers find the buckets."""
        return {
            "IONBOX_INBOX": f"s3://{self.inbox.bucket_name}",
            "IONBOX_WORK": f"s3://{self.work.bucket_name}",
            "IONBOX_RESULTS": f"s3://{self.results.bucket_name}",
            "IONBOX_WORK_EXPIRY_DAYS": str(self._settings.work_expiry_days),
            "IONBOX_SEGMENTS_EXPIRY_DAYS": str(self._settings.segments_expiry_days),
        }

    def allow(self, role: aws_iam.Role, objects: Objects, *, may_list: bool = True) -> None:
        """Let a role touch these objects and no others.

        Parameters
        ----------
        role : Role
            The role, which gets the statements.
        objects : Objects
            Folders to read, to write and to delete from.
        may_list : bool
            Whether it may list the buckets it touches.

        Notes
        -----
        Handlers may list the names of objects in a whole bucket: without that permission, S3
        answers the question whether an object exists with "forbidden" rather than "no".
        """
        buckets = {"Inbox": self.inbox, "Work": self.work, "Results": self.results}
        for name, reads, writes, deletes in objects.by_bucket():
            bucket = buckets[name]
            if may_list:
                _add(role, ["s3:ListBucket"], [bucket.bucket_arn])
            if reads:
                _add(role, ["s3:GetObject"], [bucket.arn_for_objects(f"{f}*") for f in reads])
            if writes:
                actions = ["s3:PutObject", "s3:AbortMultipartUpload"]
                _add(role, actions, [bucket.arn_for_objects(f"{f}*") for f in writes])
            if deletes:
                _add(role, ["s3:DeleteObject"], [bucket.arn_for_objects(f"{f}*") for f in deletes])
            own = self._own[name]
            shown = f"arn:<AWS::Partition>:s3:::{own}" if own else f"<{name}Bucket.Arn>"
            for folder in sorted({*reads, *writes, *deletes}):
                acknowledge_wildcard(role, f"{shown}/{folder}*", _FOLDER)
        if self._key:
            # what S3 asks of the key for a caller that reads (Decrypt) or writes (both)
            _add(role, ["kms:Decrypt", "kms:GenerateDataKey"], [self._key.key_arn])


def _old_versions() -> aws_s3.LifecycleRule:
    """Return the rule that ends what was replaced or deleted, some time after it was."""
    return aws_s3.LifecycleRule(
        id="old-versions",
        noncurrent_version_expiration=_OLD_VERSIONS,
        expired_object_delete_marker=True,
    )


def _add(role: aws_iam.Role, actions: list[str], resources: list[str]) -> None:
    role.add_to_policy(aws_iam.PolicyStatement(actions=actions, resources=resources))
