//! A file system that becomes full under all services of an installation while registrations pass: nothing is lost, nothing is doubled, and no service has to be started
//! again by hand once there is room.
//!
//! The stores lie on a small file system of this test's own, which only root can mount.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use dhw::DhwStore;
use live::{
    installation::{HOSPITALS, Installation, until},
    programs,
};
use testkit::Node;

/// Registrations of each hospital.
const ROWS: u64 = 1_000;
/// Bytes of the file system: more than eight stores take, with their logs, which grow to 32 MB each.
const SIZE: u64 = 512 << 20;

/// A file system in memory, which goes when it is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(place: &Path) -> Result<Self> {
        fs::create_dir(place)?;
        let options = format!("size={SIZE},mode=0700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "precision-disk"]).arg(place).output()?;
        ensure!(
            mounted.status.success(),
            "this test needs a small file system, which only root can mount: {}",
            String::from_utf8_lossy(&mounted.stderr)
        );
        Ok(Self(place.to_owned()))
    }

    /// Fills it to its last byte.
    fn fill(&self) -> Result<()> {
        let ballast = fs::File::create(self.ballast())?;
        // A file of holes would take no room.
        let filled = std::io::copy(&mut std::io::repeat(1), &mut &ballast);
        ensure!(filled.is_err_and(|error| error.kind() == std::io::ErrorKind::StorageFull), "the disk has no end");
        Ok(())
    }

    fn clear(&self) -> Result<()> {
        Ok(fs::remove_file(self.ballast())?)
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["--lazy"]).arg(&self.0).status();
    }
}

/// One test, since the node that it starts lives as long as it does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_loses_nothing() -> Result<()> {
    let programs = programs().await?;
    let node = Node::start().await.context("this test needs a RabbitMQ of its own (Debian: apt-get install rabbitmq-server)")?;
    let installation = Installation::prepare(programs, &node, 5).await?;
    let disk = SmallDisk::mount(&installation.top().join("disk"))?;
    under_a_full_disk(&installation, &disk).await.with_context(|| installation.last_words())
}

async fn under_a_full_disk(installation: &Installation, disk: &SmallDisk) -> Result<()> {
    let names = ["ehbox-hco-00000196", "ehbox-hco-00000295", "ehealth-ttp", "ehbox-hd", "hd4res", "dhw"];
    for name in names.iter().copied().chain(["hd4dp-00000196", "hd4dp-00000295"]) {
        installation.mount_keys(name, &installation.secrets())?;
        let store = disk.0.join(name);
        fs::create_dir(&store)?;
        fs::set_permissions(&store, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        symlink(&store, installation.folder(name).join("store"))?;
    }
    let mut services = Vec::new();
    for name in names {
        services.push(installation.start(name, &[]).await?);
    }
    for (nihdi, register) in HOSPITALS.iter().zip(["Precision_Local_MAB", "Precision_Treatment"]) {
        services.push(installation.upload(nihdi, register, ROWS).await?);
    }
    let warehouse = installation.warehouse().await?;
    let all = 2 * ROWS;
    until("some registrations reach the warehouse", async || Ok(warehouse.count().await? >= all / 10)).await?;
    disk.fill()?;
    // In the words of SQLite.
    let is_full = |name: &str| installation.said(name, "disk is full");
    until("hospitals and healthdata notice", async || Ok(is_full("hd4res")? && is_full("dhw")? && is_full("ehbox-hd")?)).await?;
    let before = warehouse.count().await?;
    ensure!(before < all, "all had arrived before the disk was full");
    disk.clear()?;
    until("more registrations reach the warehouse", async || Ok(warehouse.count().await? > before)).await?;
    drop(warehouse);
    installation.all_arrive(ROWS).await?;
    for service in services {
        service.stop().await?;
    }
    Ok(())
}
