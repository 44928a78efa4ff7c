//! What the schema says of texts. The program itself reads each by its own code.

pub(super) const ACCOUNT: &str = "^[0-9]{12}$";
pub(super) const ALIAS: &str = r"^[A-Za-z0-9.-]+(:[0-9]{1,5})?$";
pub(super) const BUCKET: &str = r"^s3://([0-9]{12}@)?[a-z0-9.-]{3,63}(/.*)?$";
pub(in crate::config) const COMMIT_GROUP: &str = r"\(\?P?<commit>";
pub(super) const EXTERNAL_ID: &str = r"^[A-Za-z0-9_+=,.@:/-]{2,1224}$";
pub(in crate::config) const OBJECT: &str = r"^s3://([0-9]{12}@)?[a-z0-9.-]{3,63}/([^*]*[^*/])$";
pub(super) const OBJECTS: &str = r"^s3://([0-9]{12}@)?[a-z0-9.-]{3,63}/.*[^/]$";
pub(super) const PULLER: &str = r"^([*]|[0-9]{12}|o-[A-Za-z0-9]+(/.*)?|arn:.*|[A-Za-z0-9-]+([.][A-Za-z0-9-]+)+|[0-9A-Fa-f]{64})$";
pub(super) const REGION: &str = "^[a-z]+(-[a-z]+){1,3}-[0-9]{1,2}$";
pub(super) const ROLE: &str =
    "^arn:[^:]+:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]*[A-Za-z0-9_+=,.@-]$";
pub(super) const TIME: &str = "^([01][0-9]|2[0-3]):[0-5][0-9]$";
