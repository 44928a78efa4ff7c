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

/// Location of the code of a version.
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
        let service = clients.json_service(ENDPOINT).map(Self);
        service.map_err(|error| ApiError::answer(LIST, "", error.to_string()))
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
        let name = function.get("FunctionName").and_then(Value::as_str);
        let name = name.unwrap_or_default().to_owned();
        parsed(LIST, &name, function)
    };
    let functions = page.functions;
    let functions = functions.map(|functions| functions.into_iter().map(read).collect());
    Ok((functions.transpose()?, page.next_marker))
}

fn list_uri(marker: Option<&str>) -> String {
    let marker = marker.map(|marker| format!("&Marker={}", percent_encoded(marker)));
    let marker = marker.unwrap_or_default();
    format!("/2015-03-31/functions?FunctionVersion=ALL&MaxItems={PAGE}{marker}")
}

fn get_uri(name: &str, version: &str) -> String {
    let (name, version) = (percent_encoded(name), percent_encoded(version));
    format!("/2015-03-31/functions/{name}?Qualifier={version}")
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
            let request = json!({"method": "GET", "uri": uri, "body": ""});
            assert_eq!(request, models["requests"][operation]);
        }
        let first = "/2015-03-31/functions?FunctionVersion=ALL&MaxItems=50";
        assert_eq!(list_uri(None), first);
    }

    #[test]
    fn what_is_missing_is_none() {
        let none = page(json!({"NextMarker": null, "New": 1}));
        assert_eq!(none, Ok((None, None)));
        let nothing = FunctionConfiguration::default();
        let empty = page(json!({"Functions": [{}], "NextMarker": "x"}));
        assert_eq!(empty, Ok((Some(vec![nothing]), Some("x".into()))));
        let function: Function = parsed(GET, "app", json!({"Code": {}})).unwrap();
        assert!(function.configuration.is_none() && function.code.unwrap().image_uri.is_none());
    }

    #[test]
    fn what_has_another_type_is_an_error_that_names_it() {
        const START: &str = "failed: the answer is not as documented:";
        let check = |error: ApiError, call: &str, problem: &str| {
            let (error, expected) = (error.to_string(), format!("{call} {START} {problem}"));
            assert!(error.starts_with(&expected), "{error}");
        };
        let marker = json!({"Functions": [], "NextMarker": 7});
        for (answer, problem) in [
            (json!({"Functions": {}}), "Functions: invalid type: map"),
            (marker, "NextMarker: invalid type: integer"),
            (json!("none"), "invalid type: string"),
        ] {
            check(page(answer).unwrap_err(), "`lambda:ListFunctions`", problem);
        }
        for (field, value) in [
            ("FunctionArn", json!(["arn"])),
            ("Version", json!(7)),
            ("PackageType", json!(true)),
            ("CodeSha256", json!({})),
        ] {
            let function = json!({"FunctionName": "app", field: value});
            let error = page(json!({"Functions": [{"FunctionName": "fine"}, function]}));
            let problem = format!("{field}: invalid type: ");
            check(
                error.unwrap_err(),
                "`lambda:ListFunctions` for `app`",
                &problem,
            );
        }
        let status = json!({"LastUpdateStatus": 1});
        for (part, field, value) in [
            ("Configuration", "", json!("app")),
            ("Configuration", ".LastUpdateStatus", status),
            ("Code", ".ImageUri", json!({"ImageUri": ["app"]})),
            ("Code", ".ResolvedImageUri", json!({"ResolvedImageUri": 1})),
        ] {
            let error = parsed::<Function>(GET, "app:7", json!({part: value}));
            let problem = format!("{part}{field}: invalid type: ");
            check(
                error.unwrap_err(),
                "`lambda:GetFunction` for `app:7`",
                &problem,
            );
        }
    }
}
