//! The Regions that this version knows, for a name that a person typed.

use crate::{config::nearest_name, image::Region};

/// Regions of all partitions: the SDKs' `partitions.json`.
const REGIONS: [&str; 48] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-isoe-west-1",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "me-west-1",
    "mx-central-1",
    "sa-east-1",
    "sa-west-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-iso-east-1",
    "us-iso-west-1",
    "us-isob-east-1",
    "us-isob-west-1",
    "us-isof-east-1",
    "us-isof-south-1",
    "us-west-1",
    "us-west-2",
];

/// The name of a Region that this version does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no Region `{name}`; {}", advice(*near))]
pub struct UnknownRegion {
    name: String,
    near: Option<&'static str>,
}

fn advice(near: Option<&str>) -> String {
    let near = near.map(|near| format!("did you mean `{near}`? "));
    format!(
        "{}set AWS_REGION for one that is newer than this version",
        near.unwrap_or_default()
    )
}

/// Returns the Region of a name that a person typed.
///
/// # Errors
/// Returns an error, with what was probably meant, if this version knows no such Region.
pub fn known_region(name: &str) -> Result<Region, UnknownRegion> {
    let known = REGIONS.contains(&name).then(|| name.parse().ok()).flatten();
    known.ok_or_else(|| UnknownRegion {
        name: name.to_owned(),
        near: nearest_name(name, &REGIONS),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_regions_are_those_of_the_sdks() {
        let models = include_str!("../../tests/moto/aws_models.json");
        let models: Value = serde_json::from_str(models).unwrap();
        let partitions = models["regions"].as_object().unwrap().values();
        let names = partitions.flat_map(|names| names.as_array().unwrap());
        let mut names: Vec<&str> = names.map(|name| name.as_str().unwrap()).collect();
        names.sort_unstable();
        assert_eq!(names, REGIONS);
    }

    #[test]
    fn a_near_miss_of_a_region_is_recognised() {
        assert_eq!(known_region("eu-west-1").unwrap().to_string(), "eu-west-1");
        for (written, near) in [
            ("eu-wst-1", Some("eu-west-1")),
            ("eu-west1", Some("eu-west-1")),
            ("EU-CENTRAL-1", Some("eu-central-1")),
            ("us-gov-west-2", Some("us-gov-west-1")),
            ("frankfurt", None),
            ("", None),
        ] {
            assert_eq!(known_region(written).unwrap_err().near, near, "{written}");
        }
    }
}
