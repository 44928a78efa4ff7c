//! The configuration as a parameter of SSM.

use simulated_aws::SimulatedAws;

use crate::support::{environment, run};

#[tokio::test]
async fn a_parameter_is_read_and_decrypted() {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        let document = "policies: [{whose: 1}]".to_owned();
        let parameters = &mut world.home().parameters;
        parameters.insert("/cleanup/config".to_owned(), document);
    });
    let source = ["plan", "--config", "ssm:/cleanup/config"];
    let ended = run(&source, environment(&aws, "{}")).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.errors.contains("policies[0].whose"), "{ended:?}");
    let calls = aws.calls_to("ssm:GetParameter");
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].body["WithDecryption"], true);
}

#[tokio::test]
async fn a_parameter_that_is_not_there_is_named() {
    let aws = SimulatedAws::start().await;
    let source = ["plan", "--config", "ssm:/cleanup/none"];
    let ended = run(&source, environment(&aws, "{}")).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    for named in [
        "`ssm:/cleanup/none`",
        "ssm:GetParameter",
        "ParameterNotFound",
    ] {
        assert!(ended.errors.contains(named), "{ended:?}");
    }
}
