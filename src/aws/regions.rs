//! The Regions of an account: which are enabled, and whether the caller can ask there.
//!
//! Source: "AWS Account Management Reference Guide", `ListRegions`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    ApiError, Clients, Endpoint, JsonRequest, JsonService, Operation, Page, all_pages,
    json_request::parsed,
};
use crate::image::{Partition, Region};

const ENDPOINT: Endpoint<'static> = Endpoint {
    id: "Account",
    prefix: "account",
    signing: "account",
};
const LIST: Operation = Operation::ListRegions;
const PAGE: u8 = 50;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    regions: Option<Vec<Listing>>,
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listing {
    region_name: Option<String>,
    region_opt_status: Option<String>,
}

impl Clients {
    /// Returns the Regions that are enabled in the caller's account, those that are being disabled
    /// included. `home` is the caller's Region.
    pub(crate) async fn enabled_regions(&self, home: &Region) -> Result<Vec<Region>, ApiError> {
        let global = Partition::of(home).map_or(&**home, |partition| partition.global_region);
        let clients = self.in_region(global);
        let brief = read(clients.brief_json_service(ENDPOINT)).await;
        match brief {
            Err(error) if error.cause.may_pass() && !error.cause.leaves_unread() => {
                read(clients.json_service(ENDPOINT)).await
            }
            brief => brief,
        }
    }

    /// Finds out whether the caller can ask Amazon ECS in a Region, in five seconds at the most.
    pub(crate) async fn try_region(&self, region: &Region) -> Result<(), ApiError> {
        let clients = self.in_region(region).brief();
        let request = clients.ecs.list_clusters().max_results(1).send();
        let answer = clients.call(Operation::ListClusters, region, request);
        answer.await.map(|_| ())
    }
}

async fn read<E: std::error::Error>(
    service: Result<JsonService, E>,
) -> Result<Vec<Region>, ApiError> {
    let service = &service.map_err(|error| ApiError::answer(LIST, "", error.to_string()))?;
    all_pages(LIST, "", |token| async move {
        page(service.call(LIST, "", request(token.as_deref())).await?)
    })
    .await
    .map(|listed| listed.into_iter().flatten().collect())
}

fn request(token: Option<&str>) -> JsonRequest {
    let mut body = json!({"MaxResults": PAGE});
    if let Some(token) = token {
        body["NextToken"] = token.into();
    }
    JsonRequest {
        method: "POST".to_owned(),
        uri: "/listRegions".to_owned(),
        headers: vec![("content-type", "application/json".to_owned())],
        body: body.to_string(),
    }
}

/// Returns the Regions of a page; `None` in place of one that is not enabled.
fn page(answer: Value) -> Result<Page<Option<Region>>, ApiError> {
    let Listed {
        regions,
        next_token,
    } = parsed(LIST, "", answer)?;
    let read = |listing: Listing| {
        let name = listing.region_name.unwrap_or_default();
        let region: Result<Region, _> = name.parse();
        let region = region.map_err(|error| ApiError::answer(LIST, "", error.to_string()))?;
        let status = listing.region_opt_status;
        let is_off = |status: &str| matches!(status, "DISABLED" | "ENABLING");
        Ok(Some(region).filter(|_| !status.as_deref().is_some_and(is_off)))
    };
    let regions = regions.map(|regions| regions.into_iter().map(read).collect());
    Ok((regions.transpose()?, next_token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_listed_as_the_sdks_do() {
        let models: Value =
            serde_json::from_str(include_str!("../../tests/moto/aws_models.json")).unwrap();
        let made = request(Some("next"));
        let body: Value = serde_json::from_str(&made.body).unwrap();
        let expected = &models["requests"]["account:ListRegions"];
        let made = json!({"method": made.method, "uri": made.uri, "body": body,
            "content_type": made.headers[0].1});
        assert_eq!(made, *expected);
    }

    #[test]
    fn what_is_not_enabled_is_no_region_and_what_is_not_understood_is_an_error() {
        let names = |answer| {
            let (regions, _) = page(answer).ok()?;
            let regions = regions?.into_iter().flatten();
            Some(regions.map(|it| it.to_string()).collect::<Vec<_>>())
        };
        let listed = |status: &str| json!({"RegionName": "eu-west-1", "RegionOptStatus": status});
        let all = [
            "ENABLED",
            "ENABLED_BY_DEFAULT",
            "DISABLING",
            "NEW",
            "DISABLED",
            "ENABLING",
        ];
        let all: Vec<Value> = all.iter().map(|status| listed(status)).collect();
        let enabled = names(json!({ "Regions": all })).unwrap();
        assert_eq!(enabled.len(), 4, "{enabled:?}");
        assert_eq!(names(json!({"Regions": [{"RegionName": "a b"}]})), None);
        assert_eq!(names(json!({"Regions": [{}]})), None);
        assert_eq!(names(json!({})), None);
    }
}
