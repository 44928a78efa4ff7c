//! The calls that are made to AWS Lambda, and what is needed of their answers.
//!
//! Source: "AWS Lambda API Reference", `ListFunctions`, `GetFunction`.

use serde::Deserialize;
use serde_json::Value;

use super::{
    ApiError, Clients, Endpoint, JsonRequest, JsonService, Operation, Page,
    json_request::{parsed, percent_encoded},
};

const ENDPOINT: Endpoint<'static> = Endpoint {
    id: "Lambda",
    prefix: "lambda",
    signing: "lambda",
};
const LIST: Operation = Operation::ListFunctions;
const GET: Operation = Operation::GetFunction;
const PAGE: u8 = 50;

pub(crate) struct LambdaService(JsonService);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    /// Each as it came, so that an error can name the one that cannot be read.
    functions: Option<Vec<Value>>,
    next_marker: Option<String>,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct FunctionConfiguration {
    pub(crate) function_name: Option<String>,
    /// With or without the version.
    pub(crate) function_arn: Option<String>,
    /// A number, or `$LATEST`.
    pub(crate) version: Option<String>,
    /// `Image` or `Zip`.
    pub(crate) package_type: Option<String>,
    /// The hash of its code.
    pub(crate) code_sha256: Option<String>,
    /// `Successful`, `InProgress` or `Failed`; `None` in a list.
    pub(crate) last_update_status: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Function {
    pub(crate) configuration: Option<FunctionConfiguration>,
    pub(crate) code: Option<FunctionCode>,
}

/// Where the code of a version lies.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct FunctionCode {
    /// `ECR` or `S3`.
    pub(crate) repository_type: Option<String>,
    /// The reference as it was written.
    pub(crate) image_uri: Option<String>,
    /// The reference with the digest that the image had when it was deployed.
    pub(crate) resolved_image_uri: Option<String>,
}

impl LambdaService {
    /// The version of a function that is not published and may change.
    pub(crate) const LATEST: &'static str = "$LATEST";

    /// Makes a client for AWS Lambda.
    pub(crate) fn new(clients: &Clients) -> Result<Self, ApiError> {
        let service = clients.json_service(ENDPOINT);
        service
            .map(Self)
            .map_err(|error| ApiError::answer(LIST, "", error.to_string()))
    }

    /// Reads a page of all versions of all functions.
    pub(crate) async fn list_functions(
        &self,
        marker: Option<&str>,
    ) -> Result<Page<FunctionConfiguration>, ApiError> {
        let request = JsonRequest::get(list_uri(marker));
        page(self.0.call(LIST, "", request).await?)
    }

    /// Reads a version of a function. `title` is what errors call it.
    pub(crate) async fn get_function(
        &self,
        title: &str,
        name: &str,
        version: &str,
    ) -> Result<Function, ApiError> {
        let request = JsonRequest::get(get_uri(name, version));
        parsed(GET, title, self.0.call(GET, title, request).await?)
    }
}

fn page(answer: Value) -> Result<Page<FunctionConfiguration>, ApiError> {
    let page: Listed = parsed(LIST, "", answer)?;
    let read = |function: Value| {
        let name = function
            .get("FunctionName")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        parsed(LIST, &name, function)
    };
    let functions = page
        .functions
        .map(|functions| functions.into_iter().map(read).collect())
        .transpose()?;
    Ok((functions, page.next_marker))
}

fn list_uri(marker: Option<&str>) -> String {
    let marker = marker
        .map(|marker| format!("&Marker={}", percent_encoded(marker)))
        .unwrap_or_default();
    format!("/2015-03-31/functions?FunctionVersion=ALL&MaxItems={PAGE}{marker}")
}

fn get_uri(name: &str, version: &str) -> String {
    format!(
        "/2015-03-31/functions/{}?Qualifier={}",
        percent_encoded(name),
        percent_encoded(version)
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn requests_are_as_the_sdks_make_them() {
        let models: Value =
            serde_json::from_str(include_str!("../../tests/moto/aws_models.json")).unwrap();
        let requests = [
            ("lambda:ListFunctions", list_uri(Some("a/b+c=="))),
            ("lambda:GetFunction", get_uri("my-function", "$LATEST")),
        ];
        for (operation, uri) in requests {
            assert_eq!(
                json!({"method": "GET", "uri": uri, "body": ""}),
                models["requests"][operation]
            );
        }
        assert_eq!(
            list_uri(None),
            "/2015-03-31/functions?FunctionVersion=ALL&MaxItems=50"
        );
    }

    #[test]
    fn what_is_missing_is_none() {
        assert_eq!(
            page(json!({"NextMarker": null, "New": 1})),
            Ok((None, None))
        );
        let nothing = FunctionConfiguration::default();
        assert_eq!(
            page(json!({"Functions": [{}], "NextMarker": "x"})),
            Ok((Some(vec![nothing]), Some("x".into())))
        );
        let function: Function = parsed(GET, "app", json!({"Code": {}})).unwrap();
        assert!(function.configuration.is_none() && function.code.unwrap().image_uri.is_none());
    }

    #[test]
    fn what_has_another_type_is_an_error_that_names_it() {
        let start = "failed: the answer is not as documented:";
        let error = |error: ApiError| error.to_string();
        for (answer, field) in [
            (json!({"Functions": {}}), "Functions: invalid type: map"),
            (
                json!({"Functions": [], "NextMarker": 7}),
                "NextMarker: invalid type: integer",
            ),
            (json!("none"), "invalid type: string"),
        ] {
            let message = error(page(answer).unwrap_err());
            assert!(
                message.starts_with(&format!("`lambda:ListFunctions` {start} {field}")),
                "{message}"
            );
        }
        for (field, value) in [
            ("FunctionArn", json!(["arn"])),
            ("Version", json!(7)),
            ("PackageType", json!(true)),
            ("CodeSha256", json!({})),
        ] {
            let functions = json!({"Functions": [{"FunctionName": "fine"}, {"FunctionName": "app", field: value}]});
            let message = error(page(functions).unwrap_err());
            let expected =
                format!("`lambda:ListFunctions` for `app` {start} {field}: invalid type: ");
            assert!(message.starts_with(&expected), "{message}");
        }
        for (answer, field) in [
            (json!({"Configuration": "app"}), "Configuration"),
            (
                json!({"Configuration": {"LastUpdateStatus": 1}}),
                "Configuration.LastUpdateStatus",
            ),
            (json!({"Code": {"ImageUri": ["app"]}}), "Code.ImageUri"),
            (
                json!({"Code": {"ResolvedImageUri": 1}}),
                "Code.ResolvedImageUri",
            ),
        ] {
            let message = error(parsed::<Function>(GET, "app:7", answer).unwrap_err());
            let expected =
                format!("`lambda:GetFunction` for `app:7` {start} {field}: invalid type: ");
            assert!(message.starts_with(&expected), "{message}");
        }
    }
}
