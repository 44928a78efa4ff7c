//! No secret is in what the programs print, whatever they are told to log.

use std::collections::BTreeMap;

use demo::acceptance;
use lambda_runtime_api::{Settings, invoke};
use serde_json::json;
use simulated_aws::{EksCluster, Trust};
use simulated_cluster::SimulatedCluster;

use crate::support::{Account, FUNCTION, event, run};

const SECRET_KEY: &str = "own-secret-key";
const SESSION_TOKEN: &str = "own-session-token";
const EXTERNAL_ID: &str = "external-id-of-the-role";
const KUBECONFIG_TOKEN: &str = "token-of-the-kubeconfig";
/// Secrets in the answers of STS.
const ASSUMED: [&str; 2] = ["sim-secrt", "sim-token"];
/// Parts of signed requests and tokens that nobody else may have.
const SIGNED: [&str; 5] = [
    "k8s-aws-v1.",
    "X-Amz-Signature",
    "Signature=",
    "x-amz-security-token:",
    "Bearer ey",
];

/// An account with every kind of secret: credentials of a session, a role with an external id, a
/// cluster of EKS and one of a kubeconfig.
struct Secrets {
    account: Account,
    clusters: [SimulatedCluster; 2],
    environment: BTreeMap<String, String>,
    _kubeconfig: tempfile::NamedTempFile,
}

impl Secrets {
    async fn start() -> Self {
        let account = Account::start(acceptance()).await;
        let clusters = [
            SimulatedCluster::start("prod").await,
            SimulatedCluster::start("other").await,
        ];
        for cluster in &clusters {
            cluster.anybody();
            cluster.apply(json!({"apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": "web", "namespace": "default"},
                "spec": {"containers": [{"name": "web", "image": "registry.k8s.io/pause:3"}]}}));
        }
        let role = "arn:aws:iam::222222222222:role/reader";
        account.edit(|world| {
            let prod = EksCluster::active(clusters[0].endpoint(), clusters[0].authority());
            world.home().eks.insert("prod".to_owned(), prod);
            let trust = Trust {
                accounts: vec!["111111111111".to_owned()],
                external_id: Some(EXTERNAL_ID.to_owned()),
                ..Trust::default()
            };
            world.roles.insert(role.to_owned(), trust);
        });
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(
            file.path(),
            clusters[1].kubeconfig("other", KUBECONFIG_TOKEN),
        )
        .unwrap();
        let path = file.path().to_str().unwrap();
        let config = json!({"mode": "plan", "in_use": {
            "accounts": [{"role_arn": role, "external_id": EXTERNAL_ID}],
            "kubernetes": [{"kubeconfig": path, "context": "other"}],
        }});
        let mut environment = account.environment();
        for (name, value) in [
            ("RUST_LOG", "trace"),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
            ("AWS_SESSION_TOKEN", SESSION_TOKEN),
            ("ECR_CLEANUP_CONFIG", &config.to_string()),
        ] {
            environment.insert(name.to_owned(), value.to_owned());
        }
        Self {
            account,
            clusters,
            environment,
            _kubeconfig: file,
        }
    }

    /// Asserts that every kind of secret was used, and that none is in a text.
    fn assert_hidden(&self, text: &str) {
        assert!(text.contains("source_read"), "it is logged: {text}");
        assert!(self.account.aws.count("sts:AssumeRole") > 0);
        let tokens = self.clusters.iter().flat_map(SimulatedCluster::tokens);
        let tokens: Vec<String> = tokens.collect();
        assert!(tokens.len() >= 2, "{tokens:?}");
        let known = [SECRET_KEY, SESSION_TOKEN, EXTERNAL_ID, KUBECONFIG_TOKEN];
        let known = known.into_iter().chain(ASSUMED).chain(SIGNED);
        for secret in known.chain(tokens.iter().map(String::as_str)) {
            let line = text.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{secret}");
        }
    }
}

#[tokio::test]
async fn a_traced_command_prints_no_secret() {
    let secrets = Secrets::start().await;
    for arguments in [
        &["plan", "--verbose"][..],
        &["in-use", "--output", "json"],
        &["check-config", "--access"],
    ] {
        let ended = run(arguments, secrets.environment.clone()).await;
        let text = format!("{}{}", ended.output, ended.errors);
        if arguments[0] == "check-config" {
            assert!(!text.contains(SESSION_TOKEN), "{text}");
        } else {
            assert_eq!(ended.code, Some(0), "{text}");
            secrets.assert_hidden(&text);
        }
    }
}

#[tokio::test]
async fn a_traced_function_logs_no_secret() {
    let secrets = Secrets::start().await;
    let mut environment = secrets.environment.clone();
    environment.insert("AWS_LAMBDA_LOG_LEVEL".to_owned(), "TRACE".to_owned());
    let settings = Settings::new(FUNCTION, environment);
    let invocation = invoke(&settings, &event("manual-plan.json")).await.unwrap();
    assert!(invocation.outcome.is_ok(), "{:?}", invocation.outcome);
    secrets.assert_hidden(&invocation.log);
}
