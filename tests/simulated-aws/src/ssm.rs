//! SSM: `GetParameter`.

use crate::error::{Answer, ApiError, json};
use crate::input::required;
use crate::world::{Location, World};
use serde_json::{Value, json as object};

pub(crate) fn answer(
    world: &mut World,
    location: &Location,
    operation: &str,
    body: &Value,
) -> Answer {
    if operation != "GetParameter" {
        return Err(ApiError::unknown_operation(operation));
    }
    let asked = required(body, "Name")?;
    let prefix = format!(
        "arn:aws:ssm:{}:{}:parameter",
        location.region, location.account
    );
    let region = world.at(location);
    // In an ARN the slash a hierarchical name begins with stands once.
    let path = asked.strip_prefix(&prefix).unwrap_or(asked);
    let (name, value) = region
        .parameters
        .get_key_value(path)
        .or_else(|| {
            region
                .parameters
                .get_key_value(path.trim_start_matches('/'))
        })
        .ok_or_else(|| {
            ApiError::new("ParameterNotFound", format!("Parameter {asked} not found."))
        })?;
    json(&object!({"Parameter": {
        "Name": name,
        "Type": "String",
        "Value": value,
        "Version": 1,
        "LastModifiedDate": region.now,
        "ARN": format!("{prefix}/{}", name.trim_start_matches('/')),
        "DataType": "text",
    }}))
}
