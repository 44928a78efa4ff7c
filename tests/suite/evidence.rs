//! Evidence that a run publishes, and that another account's run reads instead of being let in
//! (U14, U16).

use std::time::{Duration, SystemTime};

use ecr_cleanup::{function::handle, report::Answer};
use serde_json::{Value, json};
use simulated_aws::{Fault, Push, SimulatedAws, days_ago};

use crate::support::{
    HOST, WorldExt,
    assertions::assert_warns,
    line, plan, program, run, set_clock,
    state::{account, guards, gunzip, gzip, keys, object, put_object},
};

const BUCKET: &str = "evidence";
const OTHER: &str = "222222222222";
const PUBLISH: &str = "{mode: delete, publish: 's3://evidence/all'}";
const READ: &str = "{mode: delete, policies: [{repositories: ['**'], keep: [{tags: '^keep$'}]}], \
    in_use: {keep_lists: ['s3://evidence/all/*/*/*.json.gz']}}";
const OWN: &str = "all/111111111111/eu-west-1";
const THEIRS: &str = "all/222222222222/eu-west-1";

/// Publishes what an account like the home one uses that runs `shared:theirs` of it, as evidence of
/// the other account.
async fn published() -> Vec<(String, Value)> {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        world.bucket(BUCKET);
        world.home().repository("shared");
        world
            .home()
            .ecs
            .register("web", [format!("{HOST}/shared:theirs")]);
        world.deploy("prod", "web", "web:1");
    });
    let answer = plan(&aws, PUBLISH).await;
    assert!(
        answer
            .warnings
            .iter()
            .all(|it| !it.message.contains("published"))
    );
    let names = ["ecs", "eks", "lambda"].map(|source| format!("{OWN}/{source}.json.gz"));
    assert_eq!(
        keys(&aws, BUCKET),
        names,
        "a plan publishes too, one object a source"
    );
    let theirs = names.iter().map(|key| {
        let text = gunzip(&object(&aws, BUCKET, key).unwrap());
        let mut document: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(document["schema"], "ecr-cleanup/evidence/1");
        assert_eq!(document["account"], "111111111111");
        assert_eq!(document["complete"], true);
        document["account"] = OTHER.into();
        (key.replace(OWN, THEIRS), document)
    });
    theirs.collect()
}

/// Starts an account that lets the other one pull from `shared`, and has something to delete there
/// and in `private`.
async fn shared() -> SimulatedAws {
    let policy = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow",
        "Principal": {"AWS": OTHER}, "Action": "ecr:*"}});
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        world.bucket(BUCKET);
        for name in ["private", "shared"] {
            // What the rule keeps shows that it is about the repository.
            for tag in ["theirs", "old", "keep"] {
                let push = Push::image().content(format!("{name} {tag}")).tag(tag);
                world
                    .home()
                    .repository(name)
                    .push(push.pushed_at(days_ago(90)));
            }
        }
        world.home().repository("shared").repository_policy = Some(policy.to_string());
        world.in_use_elsewhere();
    });
    aws
}

fn put(aws: &SimulatedAws, documents: &[(String, Value)]) {
    for (key, document) in documents {
        put_object(aws, BUCKET, key, gzip(&document.to_string()));
    }
}

/// Returns the tags that are left in `private` and `shared`, besides what the rule keeps.
fn left(aws: &SimulatedAws) -> [Vec<String>; 2] {
    ["private", "shared"].map(|name| {
        let mut tags = aws.tags(name);
        tags.retain(|tag| tag != "keep");
        tags.sort();
        tags
    })
}

fn errors(answer: &Answer) -> Vec<String> {
    let sources = answer
        .in_use
        .iter()
        .filter(|it| it.location.account.to_string() == OTHER);
    let errors = sources.filter_map(|it| Some(format!("{}: {}", it.source, it.error()?)));
    errors.collect()
}

/// What an account publishes stands for reading it: without, what it may pull is left alone.
#[tokio::test]
async fn published_evidence_stands_for_letting_a_role_in() {
    let aws = shared().await;
    let config = "{mode: delete, policies: [{repositories: ['**'], keep: [{tags: '^keep$'}]}]}";
    let answer = run(&aws, config).await;
    assert_eq!(left(&aws)[1].len(), 2, "{}", answer.summary);

    let aws = shared().await;
    put(&aws, &published().await);
    let answer = run(&aws, READ).await;
    assert_status!(answer, Completed);
    assert_eq!(left(&aws), [vec![], vec!["theirs"]]);
    assert_eq!(errors(&answer), [""; 0]);
    let sources = answer
        .in_use
        .iter()
        .filter(|it| it.location.account.to_string() == OTHER);
    let mut sources: Vec<_> = sources.map(|it| it.source).collect();
    sources.sort_unstable();
    assert_eq!(sources, ["ecs", "eks", "lambda"]);
}

/// The documents of clusters are read where they are found, by a line of their own.
#[tokio::test]
async fn a_cluster_is_a_document_of_its_own() {
    let mut documents = published().await;
    documents[1].1["found"] = json!([{"source": "eks", "cluster": "prod"}]);
    let mut cluster = documents[0].1.clone();
    cluster["source"] = "eks".into();
    cluster["cluster"] = "prod".into();
    cluster["uses"][0]["image"] = format!("{HOST}/shared:old").into();
    documents.push((format!("{THEIRS}/eks/prod.json.gz"), cluster));
    let aws = shared().await;
    put(&aws, &documents);
    let clusters = "json.gz', 's3://evidence/all/*/*/*/*.json.gz'";
    let answer = run(&aws, &READ.replace("json.gz'", clusters)).await;
    assert_status!(answer, Completed);
    assert_eq!(left(&aws)[1], ["old", "theirs"]);
}

type Change = fn(&mut Vec<(String, Value)>);

/// What becomes of the documents of ECS, EKS and Lambda, and the source that is incomplete then.
const GAPS: [(Change, &str); 8] = [
    (
        |all| drop(all.remove(2)),
        "lambda: there is no evidence of it",
    ),
    (
        |all| {
            all[2].1["run"] = "another".into();
            all[2].1["began_at"] = "2026-11-21T11:00:00Z".into();
        },
        "lambda: its evidence is of another run",
    ),
    (
        |all| {
            all[2].1["configuration"] = "another".into();
            all[2].1["began_at"] = "2026-11-21T11:00:00Z".into();
        },
        "lambda: its evidence is of another configuration",
    ),
    (
        |all| all[2].1["began_at"] = "2026-11-20T11:00:00Z".into(),
        "lambda: its evidence is too old",
    ),
    (
        |all| {
            all[2].1["complete"] = false.into();
            all[2].1["error"] = "AccessDenied".into();
        },
        "lambda: AccessDenied",
    ),
    (
        |all| all[1].1["found"] = json!([{"source": "eks", "cluster": "prod"}]),
        "eks: there is no evidence of it",
    ),
    (
        |all| {
            let mut batch = all[2].1.clone();
            batch["source"] = "batch".into();
            all.push((format!("{THEIRS}/batch.json.gz"), batch));
        },
        "batch: there is evidence of it, though it is not to be read",
    ),
    (
        |all| all[0].1["uses"][0]["image"] = "???".into(),
        "ecs: its evidence cannot be used: `???` names no image",
    ),
];

/// A document that is lost or cannot be relied upon leaves alone what its account may pull, and
/// nothing else.
#[tokio::test]
async fn a_gap_in_what_an_account_published_holds_what_it_may_pull() {
    let good = published().await;
    for (change, expected) in GAPS {
        let aws = shared().await;
        let mut documents = good.clone();
        change(&mut documents);
        put(&aws, &documents);
        let answer = run(&aws, READ).await;
        assert_status!(answer, CompletedWithFailures, "{expected}");
        let errors = errors(&answer);
        assert!(
            errors.len() == 1 && errors[0].starts_with(expected),
            "{errors:?}"
        );
        let [private, shared] = left(&aws);
        assert_eq!(shared.len(), 2, "{expected}");
        assert!(!private.contains(&"old".to_owned()), "{expected}");
        let held: Vec<_> = answer
            .held
            .iter()
            .map(|it| it.repository.as_str())
            .collect();
        assert_eq!(held, ["shared"], "{expected}");
    }
}

/// What nobody can read may be of any account.
#[tokio::test]
async fn what_is_not_even_evidence_stops_everything() {
    let good = published().await;
    let text = |document: &Value| gzip(&document.to_string());
    let mut unknown = good[0].1.clone();
    unknown["surprise"] = true.into();
    let newer = json!({"schema": "ecr-cleanup/evidence/2"});
    let whole = text(&good[0].1);
    for (content, expected) in [
        (whole[..whole.len() / 2].to_vec(), "ecs.json.gz"),
        (text(&unknown), "unknown field `surprise`"),
        (text(&newer), "`ecr-cleanup/evidence/2`"),
    ] {
        let aws = shared().await;
        put(&aws, &good);
        put_object(&aws, BUCKET, &good[0].0, content);
        let answer = run(&aws, READ).await;
        assert_refused!(answer, aws, "{expected}");
        assert_eq!(guards(&answer), ["source_incomplete"]);
        assert_contains!(answer.refusals[0].observed, expected);
    }
}

/// A source that the last run of an account does not name any more is of no account.
#[tokio::test]
async fn what_an_earlier_run_wrote_of_a_source_that_is_gone_is_left_out() {
    let aws = shared().await;
    let mut documents = published().await;
    let mut batch = documents[0].1.clone();
    batch["source"] = "batch".into();
    batch["run"] = "earlier".into();
    batch["began_at"] = "2026-11-01T00:00:00Z".into();
    batch["uses"][0]["image"] = format!("{HOST}/shared:old").into();
    documents.push((format!("{THEIRS}/batch.json.gz"), batch));
    put(&aws, &documents);
    let answer = run(&aws, READ).await;
    assert_status!(answer, Completed);
    assert_eq!(left(&aws)[1], ["theirs"]);
}

/// A document that does not say which sources there are protects what it names, and its account is
/// not read by it.
#[tokio::test]
async fn evidence_without_its_sources_stands_for_itself() {
    let document = |complete: &str| {
        let text = format!(
            r#"{{"schema": "ecr-cleanup/evidence/1", "account": "{OTHER}", "region": "eu-west-1",
            "source": "nomad", "began_at": "2026-11-21T11:00:00Z", "complete": {complete},
            "uses": [{{"image": "{HOST}/private:old", "live": true,
                       "user": {{"kind": "job", "name": "web", "where": "prod"}}}}],
            "mentions": [{{"repository": "shared", "words": ["theirs"], "user": {{"kind": "job", "name": "web"}}}}]}}"#
        );
        (
            format!("{THEIRS}/nomad.json.gz"),
            serde_json::from_str(&text).unwrap(),
        )
    };
    let aws = shared().await;
    put(&aws, &[document("true")]);
    let answer = run(&aws, READ).await;
    assert_status!(answer, Completed);
    assert_eq!(left(&aws), [vec!["old"], vec!["old", "theirs"]]);
    assert!(line(&answer, "shared").left_alone.is_some());
    set_clock(&aws, Duration::from_hours(24));
    assert_eq!(guards(&run(&aws, READ).await), ["source_incomplete"]);
    set_clock(&aws, Duration::ZERO);
    put(&aws, &[document(r#"false, "error": "timeout""#)]);
    assert_eq!(guards(&run(&aws, READ).await), ["source_incomplete"]);
}

/// A deployment that publishes into the bucket that it reads keeps nothing because of its own
/// documents.
#[tokio::test]
async fn what_a_run_reads_itself_it_does_not_read_as_published() {
    let aws = shared().await;
    put(&aws, &published().await);
    let config = READ.replace("mode: delete", "mode: delete, publish: 's3://evidence/all'");
    let mine = format!("{HOST}/private:old");
    aws.edit(|world| world.home().ecs.register("mine", [mine]));
    let answer = run(&aws, &config).await;
    assert_status!(answer, Completed);
    assert_eq!(left(&aws)[0], ["old"]);
    let own: Vec<String> = keys(&aws, BUCKET)
        .into_iter()
        .filter(|it| it.starts_with(OWN))
        .collect();
    assert_eq!(own.len(), 4, "{own:?}");
    aws.edit(|world| {
        let definitions = &mut world.home().ecs.task_definitions;
        definitions.retain(|arn, _| !arn.contains("mine"));
    });
    let answer = run(&aws, &config).await;
    assert_status!(answer, Completed);
    assert_eq!(left(&aws)[0], [""; 0]);
    let again = keys(&aws, BUCKET)
        .into_iter()
        .filter(|it| it.starts_with(OWN));
    assert_eq!(
        again.collect::<Vec<_>>(),
        own,
        "it publishes nothing of the other account"
    );
}

/// What a run takes for incomplete, its evidence says.
#[tokio::test]
async fn a_cluster_that_there_has_to_be_and_is_not_makes_evidence_incomplete() {
    let aws = account().await;
    aws.edit(|world| {
        world.bucket(BUCKET);
    });
    let config = PUBLISH.replace("{mode", "{in_use: {eks: {clusters: [prod]}}, mode");
    let answer = run(&aws, &config).await;
    assert_refused!(answer, aws);
    let document = gunzip(&object(&aws, BUCKET, &format!("{OWN}/eks.json.gz")).unwrap());
    assert_contains!(document, r#""complete":false"#, "prod");
}

#[tokio::test]
async fn evidence_that_cannot_be_written_is_a_warning() {
    let aws = account().await;
    aws.fault(Fault::denied("s3:PutObject").matching("all/"));
    let answer = run(&aws, PUBLISH).await;
    assert_deleted!(answer, Completed, 3);
    assert_warns(&answer, "the evidence could not be published");
}

/// The event publishes and does nothing else.
#[tokio::test]
async fn an_event_publishes_and_deletes_nothing() {
    let aws = account().await;
    aws.edit(|world| {
        world.bucket(BUCKET);
    });
    let event = json!({"evidence": true});
    let deadline = SystemTime::now() + Duration::from_mins(10);
    let program = program(&aws, PUBLISH);
    let mut answer = handle(&program, &event, deadline, Vec::new())
        .await
        .unwrap();
    // ECS, EKS, Lambda, CloudFormation and ten services.
    assert_eq!(keys(&aws, BUCKET).len(), 14);
    assert!(aws.mutations().is_empty() && aws.count("ecr:DescribeImages") == 0);
    assert_eq!(answer["status"], "completed");
    assert_eq!(answer["published"], "s3://evidence/all");
    assert_contains!(
        answer["summary"],
        "Wrote 14 documents of evidence to s3://evidence/all"
    );
    aws.fault(Fault::denied("lambda:ListFunctions"));
    answer = handle(&program, &event, deadline, Vec::new())
        .await
        .unwrap();
    assert_eq!(answer["status"], "completed_with_failures");
    let document = gunzip(&object(&aws, BUCKET, &format!("{OWN}/lambda.json.gz")).unwrap());
    assert_contains!(document, r#""complete":false"#, "lambda:ListFunctions");
    aws.fault(Fault::denied("s3:PutObject"));
    assert!(
        handle(&program, &event, deadline, Vec::new())
            .await
            .is_err()
    );
}
