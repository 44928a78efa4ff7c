use serde_json::json;

use super::*;
use crate::{
    aws::Stack,
    image::{Partition, Registry},
};

const HOST: &str = "111111111111.dkr.ecr.eu-west-1.amazonaws.com";
const ID: &str = "arn:aws:cloudformation:eu-west-1:111111111111:stack/Shop/1";

/// A template with something of everything that a value may refer to.
fn template() -> Value {
    json!({
        "Parameters": {
            "Tag": {"Type": "String", "Default": "unused"},
            "Secret": {"Type": "String", "NoEcho": true, "Default": "dev"},
            "Stage": {"Type": "String"},
        },
        "Mappings": {"Images": {"prod": {"tag": "p", "list": ["a", "b"]}, "dev": {"tag": "d"}}},
        "Conditions": {
            "IsProd": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]},
            "IsDev": {"Fn::Not": [{"Condition": "IsProd"}]},
            "IsSecret": {"Fn::Equals": [{"Ref": "Secret"}, "dev"]},
            "Both": {"Fn::And": [{"Condition": "IsProd"}, {"Condition": "IsSecret"}]},
            "Neither": {"Fn::And": [{"Condition": "IsDev"}, {"Condition": "IsSecret"}]},
            "Either": {"Fn::Or": [{"Condition": "IsProd"}, {"Condition": "IsSecret"}]},
            "Itself": {"Condition": "Itself"},
        },
        "Resources": {
            "Named": {"Type": "AWS::ECR::Repository", "Properties": {"RepositoryName": {"Fn::Sub": "team/${Stage}"}}},
            "MadeUp": {"Type": "AWS::ECR::Repository", "Properties": {}},
            "Itself": {"Type": "AWS::ECR::Repository", "Properties": {"RepositoryName": {"Ref": "Itself"}}},
            "Nested": {"Type": "AWS::CloudFormation::Stack"},
            "Role": {"Type": "AWS::IAM::Role"},
        },
    })
}

fn stack(name: &str, parent: Option<&str>, outputs: &Value) -> Stack {
    serde_json::from_value(json!({
        "StackId": format!("{ID}/{name}"), "StackName": name, "StackStatus": "CREATE_COMPLETE",
        "CreationTime": "2026-11-01T00:00:00Z", "ParentId": parent, "Outputs": outputs,
    }))
    .unwrap()
}

fn resolved(value: &Value) -> Value {
    let location = Registry {
        account: "111111111111".parse().unwrap(),
        region: "eu-west-1".parse().unwrap(),
    };
    let export = json!([{"OutputKey": "Uri", "OutputValue": format!("{HOST}/shared"), "ExportName": "shared-uri"}]);
    let inner = json!([{"OutputKey": "Tag", "OutputValue": "nested-1"}]);
    let stacks = [
        stack("Other", None, &export),
        stack("Shop-Nested-ABC", Some(ID), &inner),
    ];
    let partition = Partition::of("eu-west-1").unwrap();
    let surroundings = Surroundings::new(&location, partition, &stacks).unwrap();
    let parameters = [("Tag", "1.0"), ("Stage", "prod"), ("Tags", "x, y")];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let (parameters, template) = (parameters.into(), template());
    let resolver = Resolver::new(&surroundings, (ID, "Shop"), &parameters, &template);
    resolver.value(value)
}

/// A value in a template, and what it is.
const VALUES: &str = r#"
    {"Fn::Sub": "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/cdk-x-container-assets-${AWS::AccountId}-${AWS::Region}:0a"} = "HOST/cdk-x-container-assets-111111111111-eu-west-1:0a"
    {"Fn::Sub": "arn:${AWS::Partition}:x:${AWS::StackName} ${AWS::StackId}"} = "arn:aws:x:Shop arn:aws:cloudformation:eu-west-1:111111111111:stack/Shop/1"
    {"Fn::Sub": ["${Repo}:${Tag}-${!Tag}", {"Repo": {"Fn::GetAtt": ["Named", "RepositoryUri"]}}]} = "HOST/team/prod:1.0-${Tag}"
    {"Fn::Sub": "${Named.RepositoryUri}:${ Tag }"} = "HOST/team/prod:1.0"
    {"Fn::Sub": "${"} = "${"
    {"Ref": "Named"} = "team/prod"
    {"Fn::Join": ["", [{"Ref": "AWS::AccountId"}, ".dkr.ecr.", {"Ref": "AWS::Region"}, ".", {"Ref": "AWS::URLSuffix"}, "/app:", {"Ref": "Tag"}]]} = "HOST/app:1.0"
    {"Fn::Join": ["", [{"Fn::Select": [4, {"Fn::Split": [":", {"Fn::GetAtt": ["MadeUp", "Arn"]}]}]}, ".dkr.ecr.", {"Fn::Select": [3, {"Fn::Split": [":", {"Fn::GetAtt": ["MadeUp", "Arn"]}]}]}, ".amazonaws.com/", {"Ref": "MadeUp"}, ":1"]]} = "HOST/shop-madeup-${MadeUp}:1"
    {"Fn::GetAtt": "MadeUp.RepositoryUri"} = "HOST/shop-madeup-${MadeUp}"
    {"Fn::GetAtt": "Role.Arn"} = "arn:aws:${Role_Arn}:eu-west-1:111111111111:${Role_Arn}"
    {"Fn::Select": ["1", {"Ref": "Tags"}]} = "y"
    {"Fn::Select": [0, ["a", "b"]]} = "a"
    {"Fn::Select": [7, ["a"]]} = "${Selected}"
    {"Fn::Join": ["-", {"Ref": "Tags"}]} = "x-y"
    {"Fn::Join": ["-", ["a", {"Ref": "AWS::NoValue"}, "b"]]} = "a-b"
    {"Fn::Join": ["-", {"Fn::GetAZs": ""}]} = "${List}"
    {"Fn::FindInMap": ["Images", {"Ref": "Stage"}, "tag"]} = "p"
    {"Fn::FindInMap": ["Images", {"Ref": "Stage"}, "list"]} = ["a", "b"]
    {"Fn::Select": [1, {"Fn::FindInMap": ["Images", "prod", "list"]}]} = "b"
    {"Fn::FindInMap": ["Images", {"Fn::GetAtt": "Role.Name"}, "tag"]} = ["p", "d"]
    {"Fn::FindInMap": ["Images", "none", "tag", {"DefaultValue": "z"}]} = "z"
    {"Fn::Sub": ["app:${T}", {"T": {"Fn::FindInMap": ["Images", "none", "tag"]}}]} = "app:${Fn__FindInMap}"
    {"Fn::If": ["IsProd", "yes", "no"]} = "yes"
    {"Fn::If": ["IsDev", "yes", "no"]} = "no"
    {"Fn::If": ["Either", "yes", "no"]} = "yes"
    {"Fn::If": ["Neither", "yes", "no"]} = "no"
    {"Fn::If": ["Both", {"Image": "a"}, {"Ref": "Tag"}]} = [{"Image": "a"}, "1.0"]
    {"Fn::If": ["Unknown", "yes", "no"]} = ["yes", "no"]
    {"Fn::If": ["Itself", "yes", "no"]} = ["yes", "no"]
    {"Fn::Join": [":", ["app", {"Fn::If": ["IsSecret", "1", "2"]}]]} = ["app:1", "app:2"]
    {"Fn::Sub": "app:${Secret}"} = ["app:${Secret}", "app:dev"]
    {"Fn::ImportValue": {"Fn::Sub": "shared-uri"}} = "HOST/shared"
    {"Fn::Sub": ["${Uri}:${Tag}", {"Uri": {"Fn::ImportValue": "shared-uri"}}]} = "HOST/shared:1.0"
    {"Fn::Sub": ["${Uri}:1", {"Uri": {"Fn::ImportValue": "other-uri"}}]} = "${other_uri}:1"
    {"Fn::Sub": "app:${Nested.Outputs.Tag}"} = "app:nested-1"
    {"Fn::Sub": "app:${Nested.Outputs.None}"} = "app:${Nested_Outputs_None}"
    {"Ref": "Itself"} = "${Itself}"
    {"Fn::Base64": {"Fn::Sub": "docker run $A.dkr.ecr.$R.amazonaws.com/app:${Tag}"}} = "docker run HOST/app:1.0"
    {"Fn::Transform": {"Name": "x", "Parameters": {"A": {"Ref": "Tag"}}}} = {"Fn::Transform": {"Name": "x", "Parameters": {"A": "1.0"}}}
    {"Ref": ["wrong"]} = "${}"
    {"Fn::Join": "wrong"} = "${Fn__Join}"
    {"Fn::GetAtt": []} = "${Attribute}"
    {"a": {"Ref": "Tag"}, "Condition": "IsProd"} = {"a": "1.0", "Condition": "IsProd"}
    [1, null, true, {"Ref": "Tag"}] = [1, null, true, "1.0"]
"#;

/// What can be known without asking is known, and what cannot be is a placeholder or all that it may
/// be (U11).
#[test]
fn values_are_what_cloudformation_makes_of_them() {
    let table = VALUES.replace("HOST", HOST);
    for line in table.trim().lines() {
        let (value, expected) = line.trim().split_once(" = ").unwrap();
        let value: Value = serde_json::from_str(value).unwrap();
        let expected: Value = serde_json::from_str(expected).unwrap();
        assert_eq!(resolved(&value), expected, "{value}");
    }
}

#[test]
fn choices_do_not_multiply_without_end() {
    let choice = json!({"Fn::If": ["Unknown", "a", "b"]});
    let many = json!({"Fn::Join": ["", vec![choice; 20]]});
    let many = resolved(&many);
    let texts = many.as_array().unwrap();
    assert_eq!(texts.len(), ALTERNATIVES);
    assert_eq!(texts[0], format!("aaaa{}", "${Item}".repeat(16)));
}
