//! Account Management: `ListRegions`.

use crate::error::{Answer, ApiError, json};
use crate::page::Paging;
use crate::world::{Location, World};
use serde_json::{Value, json as object};

pub(crate) fn answer(world: &World, location: &Location, operation: &str, body: &Value) -> Answer {
    if operation != "ListRegions" {
        return Err(ApiError::unknown_operation(operation));
    }
    let page = object!({"maxResults": body["MaxResults"], "nextToken": body["NextToken"]});
    let paging = Paging::read(&page, "regions", 20, 50)?;
    let statuses = world.region_statuses(&location.account);
    let regions = statuses.range::<str, _>(paging.bounds());
    let page = paging.take(regions.map(|(name, status)| {
        let region = object!({"RegionName": name, "RegionOptStatus": status});
        (name, region)
    }));
    json(&object!({"Regions": page.items, "NextToken": page.next_token}))
}
