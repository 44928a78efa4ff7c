//! Who calls, from where, and what to type where nobody can.

use std::{fs, process::Output};

use simulated_aws::{Fault, FaultKind, Identity, SimulatedAws};
use tempfile::TempDir;

use crate::{
    support::{SECRET, state::account},
    trust::run_in,
};

/// Runs `in-use` with these arguments, and only these variables beside the endpoint.
async fn run(aws: &SimulatedAws, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let own = [("AWS_EC2_METADATA_DISABLED", "true"), ("COLUMNS", "80")];
    let all = [&own[..], variables].concat();
    run_in(aws, &[&["in-use"], arguments].concat(), &all).await
}

fn first_line(output: &Output) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().next().unwrap_or_default().to_owned()
}

fn errors(output: &Output) -> String {
    // Words are wrapped anywhere.
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

const KEYS: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", "AKIAHOME"),
    ("AWS_SECRET_ACCESS_KEY", SECRET),
];
const REGION: (&str, &str) = ("AWS_REGION", "eu-west-1");

#[tokio::test]
async fn the_first_line_says_where_and_who() {
    let aws = account().await;
    let [id, secret] = KEYS;
    let line =
        async |arguments: &[&str]| first_line(&run(&aws, arguments, &[REGION, id, secret]).await);
    let expected = "111111111111 eu-west-1, role ecr-cleanup, reads only, default configuration";
    assert_eq!(line(&[]).await, expected);
    aws.edit(|world| world.account_alias = Some("prod".to_owned()));
    assert_eq!(
        line(&["--config", "{mode: plan}"]).await,
        "111111111111 (prod) eu-west-1, role ecr-cleanup, reads only, configuration given"
    );
    let line_there = line(&["--region", "us-east-1"]).await;
    assert_starts!(line_there, "111111111111 (prod) us-east-1, ");
    // A name that is nice to have stops nothing.
    aws.fault(Fault::denied("iam:ListAccountAliases"));
    assert_eq!(line(&[]).await, expected);
    for arguments in [&["--output", "json"][..], &["--output", "jsonl"]] {
        assert!(!line(arguments).await.contains("111111111111 eu-west-1"));
    }
}

#[tokio::test]
async fn a_region_that_is_misspelt_is_an_error() {
    let aws = account().await;
    let output = run(&aws, &["--region", "eu-wst-1"], &KEYS).await;
    assert_eq!(output.status.code(), Some(2));
    let errors = errors(&output);
    assert_contains!(
        errors,
        "--region: there is no Region `eu-wst-1`",
        "did you mean `eu-west-1`?"
    );
}

/// Writes a file of profiles, and returns its folder and its path.
fn profiles(text: &str) -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("config");
    fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

#[tokio::test]
async fn a_profile_goes_before_keys_in_the_environment() {
    let aws = account().await;
    aws.edit(|world| {
        let identity = Identity {
            account: "222222222222".to_owned(),
            arn: "arn:aws:iam::222222222222:user/anna".to_owned(),
        };
        world.access_keys.insert("AKIAOTHER".to_owned(), identity);
    });
    let (_folder, path) = profiles(
        "[profile other]\nregion = eu-west-1\naws_access_key_id = AKIAOTHER\naws_secret_access_key = secret\n",
    );
    let [id, secret] = KEYS;
    let file = ("AWS_CONFIG_FILE", path.as_str());
    let output = run(&aws, &["--profile", "other"], &[file, id, secret]).await;
    let expected = "222222222222 eu-west-1, profile other, reads only, default configuration";
    assert_eq!(first_line(&output), expected, "{}", errors(&output));
    let by_variable = [file, ("AWS_PROFILE", "other")];
    assert_eq!(first_line(&run(&aws, &[], &by_variable).await), expected);
}

/// Profiles, each with another problem.
const TROUBLED: &str = "\
[profile prod]
region = eu-west-1
sso_session = corp
sso_account_id = 111111111111
sso_role_name = reader
[sso-session corp]
sso_region = eu-west-1
sso_start_url = https://example.com/start
[profile chained]
region = eu-west-1
role_arn = arn:aws:iam::111111111111:role/x
source_profile = prod
[profile login]
region = eu-west-1
login_session = arn:aws:iam::111111111111:user/anna
[profile nowhere]
aws_access_key_id = AKIAHOME
aws_secret_access_key = secret
";

/// Fails unless the error holds these texts, and nothing of the metadata of an instance.
async fn assert_says(
    aws: &SimulatedAws,
    arguments: &[&str],
    variables: &[(&str, &str)],
    expected: [&str; 2],
) {
    let output = run(aws, arguments, variables).await;
    let errors = errors(&output);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {errors}");
    for text in expected {
        assert!(errors.contains(text), "{arguments:?}: {text}: {errors}");
    }
    let lower = errors.to_lowercase();
    assert!(
        !lower.contains("imds") && !lower.contains("169.254"),
        "{errors}"
    );
}

#[tokio::test]
async fn a_problem_with_credentials_says_what_to_type() {
    let aws = account().await;
    let (_folder, path) = profiles(TROUBLED);
    let file = ("AWS_CONFIG_FILE", path.as_str());
    let home = ("HOME", path.trim_end_matches("/config"));
    let [id, secret] = KEYS;
    let none = [
        "there are no AWS credentials",
        "aws sso login --profile NAME",
    ];
    assert_says(&aws, &[], &[REGION], none).await;
    let nowhere = ["no Region is configured", "pass `--region`"];
    assert_says(&aws, &[], &[id, secret], nowhere).await;
    assert_says(&aws, &["--profile", "nowhere"], &[file], nowhere).await;
    let misspelt = [
        "there is no profile `prd`",
        "did you mean `--profile prod`?",
    ];
    assert_says(&aws, &["--profile", "prd"], &[file, REGION], misspelt).await;
    let prod = [
        "profile `prod` cannot be used",
        "aws sso login --profile prod",
    ];
    assert_says(
        &aws,
        &["--profile", "prod"],
        &[file, home, id, secret],
        prod,
    )
    .await;
    assert_says(&aws, &[], &[file, home, ("AWS_PROFILE", "prod")], prod).await;
    let chained = ["profile `chained`", "aws sso login --profile prod"];
    assert_says(&aws, &["--profile", "chained"], &[file, home], chained).await;
    let login = ["profile `login`", "aws login --profile login"];
    assert_says(&aws, &["--profile", "login"], &[file, home], login).await;
}

#[tokio::test]
async fn credentials_that_are_over_say_so() {
    let aws = account().await;
    let [id, secret] = KEYS;
    for (code, expected) in [
        (
            "ExpiredToken",
            "the credentials of the environment have expired: get new ones",
        ),
        (
            "InvalidClientTokenId",
            "the credentials of the environment are not valid: get new ones",
        ),
    ] {
        aws.clear_faults();
        let error = FaultKind::Error {
            status: 403,
            code: code.to_owned(),
            message: "The security token is of no use".to_owned(),
        };
        aws.fault(Fault::on("sts:GetCallerIdentity").kind(error));
        let output = run(&aws, &[], &[REGION, id, secret]).await;
        assert_contains!(errors(&output), expected);
        assert_eq!(output.status.code(), Some(1));
    }
}
