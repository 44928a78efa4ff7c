//! The simulated AWS with an account to try the program on, until standard input is closed or says
//! `quit`.
//!
//! `simulated-aws [team|acceptance]`

use demo::{CREDENTIALS, acceptance, serve, team};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let scenario = match std::env::args().nth(1).as_deref() {
        None | Some("team") => team(),
        Some("acceptance") => acceptance(),
        Some(other) => anyhow::bail!("no scenario is called `{other}`: use `team` or `acceptance`"),
    };
    eprintln!("export AWS_ENDPOINT_URL=<the line below>");
    for (name, value) in CREDENTIALS {
        eprintln!("export {name}={value}");
    }
    Ok(serve(scenario).await?)
}
