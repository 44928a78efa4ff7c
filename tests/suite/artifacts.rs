//! Artifacts in a run: what is cleaned, and what is said (K7, K8).

use ecr_cleanup::report::WarningCode;
use simulated_aws::{Push, SimulatedAws, days_ago};

use crate::support::{WorldExt, run};

const HELM: &str = "application/vnd.cncf.helm.config.v1+json";

/// Charts are cleaned where a rule is about them; that images are left alone for their tags is a
/// warning, and that nothing was to be said of them is none.
#[tokio::test]
async fn charts_are_cleaned_where_a_rule_is_about_them() {
    let charts = "{artifacts: true, newest: 1}";
    for (rules, deleted, warned) in [
        ("{tags: '^v'}".to_owned(), 0, true),
        (charts.to_owned(), 1, false),
        (format!("{{tags: '^v'}}, {charts}"), 1, true),
        (format!("{{tags: '^1'}}, {charts}"), 1, false),
    ] {
        let aws = SimulatedAws::start().await;
        aws.edit(|world| {
            world.in_use_elsewhere();
            let app = world.home().repository("app");
            app.push(Push::image().tag("1.0").pushed_at(days_ago(90)));
            for (tag, days) in [("0.1", 90), ("0.2", 50)] {
                let chart = Push::image().artifact_type(HELM).tag(tag);
                app.push(chart.pushed_at(days_ago(days)));
            }
        });
        let document = format!(
            "mode: delete\npolicies: [{{repositories: [app], keep: [{rules}]}}, {{repositories: ['**'], leave_alone: true}}]"
        );
        let answer = run(&aws, &document).await;
        assert_deleted!(answer, Completed, deleted, "{rules}");
        let mut warnings = answer.warnings.iter();
        assert_eq!(
            warnings.any(|it| it.repository.as_deref() == Some("app")
                && [WarningCode::LeftAlone, WarningCode::UnmatchedTags].contains(&it.code)),
            warned,
            "{rules}"
        );
        let left = aws.read(|world| world.stored("app").unwrap().tags());
        assert_eq!(left.contains(&"0.1".to_owned()), deleted == 0, "{rules}");
    }
}
