//! The whole life of a registration over RabbitMQ with the stores in PostgreSQL, as the script of a user.

use anyhow::{Result, ensure};
use store::test_server;
use testkit::Rabbit;
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_lives_over_rabbitmq_and_postgresql() -> Result<()> {
    let precision = live::programs().await?.join("precision");
    let rabbit = Rabbit::find().await?;
    let script = live::repository().join("tests/life.sh");
    let stores = test_server::address().await?;
    let output = Command::new(script).arg(precision).arg(rabbit.url()).arg(stores).output().await?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    ensure!(said.trim_end().ends_with("3  Deleted  Deleted"), "{said}");
    Ok(())
}
