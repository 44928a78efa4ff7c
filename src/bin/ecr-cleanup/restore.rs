//! `ecr-cleanup restore`

use std::{io::Write, time::Duration};

use ecr_cleanup::report::count;

use crate::{arguments::Output, exit::Exit, output, session::Session};

/// Time between two checks of a restore.
const POLL: Duration = Duration::from_secs(15);

/// Restores archived images and waits until they can be pulled.
pub(crate) async fn execute(images: &[String], session: &Session) -> anyhow::Result<Exit> {
    session.introduce("restores").await?;
    let images = images.iter().map(|image| session.image(image));
    let images = images.collect::<Result<Vec<_>, _>>()?;
    let mut out = output::stdout();
    for image in images {
        session.progress.set_message(format!("Restoring {image}"));
        let restoring = session.program.restore(&image, POLL);
        let restored = session.progress.show_while(restoring).await?;
        match session.output {
            Output::Json | Output::Jsonl => output::json_line(&mut out, &restored)?,
            _ => {
                let images = count(restored.digests.len() as u64, "image", "images");
                writeln!(out, "{image} can be pulled: restored {images}.")?;
            }
        }
    }
    Ok(Exit::Done)
}
