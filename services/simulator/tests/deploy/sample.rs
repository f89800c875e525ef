//! A sample configuration, read with the type of its service.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use host::config::{BrokerSettings, Common};
use host::{Settings, stand_alone};
use topology::{Actor, User, Vhost};

use crate::{repository, topology};

/// The setting of a line such as `# prefix = "trial"`, or the table of one such as `# [api]`, and not a sentence.
pub(crate) fn commented_setting(line: &str) -> Option<&str> {
    let setting = line.strip_prefix("# ")?;
    if setting.starts_with('[') && setting.ends_with(']') {
        return Some(setting);
    }
    let (name, _) = setting.split_once(" = ")?;
    (!name.contains(' ')).then_some(setting)
}

/// A sample configuration, as far as all services have the same.
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) user: User,
    pub(crate) common: Common,
    pub(crate) brokers: Vec<(Vhost, BrokerSettings)>,
    pub(crate) has_api: bool,
    /// Folders for whoever runs it, beside the store.
    pub(crate) leaves: Vec<PathBuf>,
}

impl Sample {
    pub(crate) fn path(name: &str) -> String {
        format!("deploy/config/{name}.toml")
    }

    pub(crate) fn all() -> Result<Vec<Self>> {
        let of = |user: &User| {
            let path = Self::path(&user.to_string());
            Self::from(user, &repository().join(&path)).context(path)
        };
        topology()?.users().iter().map(of).collect()
    }

    /// Reads a file with the type of the user's service.
    pub(crate) fn from(user: &User, path: &Path) -> Result<Self> {
        let (found, common, brokers, has_api, leaves) = match user.actor() {
            Actor::Hd4dp => {
                let config: hd4dp::config::Config = stand_alone::load(path)?;
                check_api(config.api.as_ref(), &format!("/hd4dp/{}", config.nihdi))?;
                let broker = (Vhost::Hospital(config.nihdi), config.broker.hospital.clone());
                let folders = config.folders.as_ref().map(|folders| folders.root.clone());
                let leaves = std::iter::once(config.uploads.reports.clone()).chain(folders).collect();
                (user_of(&config), config.common, vec![broker], config.api.is_some(), leaves)
            }
            Actor::EhboxHco => {
                let config: ehbox_hco::config::Config = stand_alone::load(path)?;
                let hospital = (Vhost::Hospital(config.nihdi), config.broker.hospital.clone());
                (user_of(&config), config.common, vec![hospital, (Vhost::EHealth, config.broker.ehealth)], false, Vec::new())
            }
            Actor::EhealthTtp => {
                let config: ehealth_ttp::config::Config = stand_alone::load(path)?;
                (user_of(&config), config.common, vec![(Vhost::EHealth, config.broker.ehealth)], false, Vec::new())
            }
            Actor::EhboxHd => {
                let config: ehbox_hd::config::Config = stand_alone::load(path)?;
                let ehealth = (Vhost::EHealth, config.broker.ehealth.clone());
                (user_of(&config), config.common, vec![ehealth, (Vhost::Hd, config.broker.hd)], false, Vec::new())
            }
            Actor::Hd4res => {
                let config: hd4res::config::Config = stand_alone::load(path)?;
                check_api(config.api.as_ref(), "/hd4res")?;
                (user_of(&config), config.common, vec![(Vhost::Hd, config.broker.hd)], config.api.is_some(), Vec::new())
            }
            Actor::Dhw => {
                let config: dhw::config::Config = stand_alone::load(path)?;
                check_api(config.api.as_ref(), "/dhw")?;
                (user_of(&config), config.common, vec![(Vhost::Hd, config.broker.hd)], config.api.is_some(), Vec::new())
            }
        };
        ensure!(found == *user, "it is {found}'s");
        Ok(Self { name: user.to_string(), user: found, common, brokers, has_api, leaves })
    }

    /// The zone of those who run it, where its store is.
    pub(crate) fn zone(&self) -> Vhost {
        match (self.user.actor(), self.user.nihdi()) {
            (Actor::Hd4dp | Actor::EhboxHco, Some(nihdi)) => Vhost::Hospital(*nihdi),
            (Actor::EhealthTtp, _) => Vhost::EHealth,
            _ => Vhost::Hd,
        }
    }
}

/// An API listens where the container's port is published from, and its tokens are a secret of their own.
fn check_api(api: Option<&web::Settings>, base_path: &str) -> Result<()> {
    let Some(api) = api else { return Ok(()) };
    ensure!(api.address.port() == 8080 && api.address.ip().is_unspecified(), "its API listens at {}", api.address);
    ensure!(api.base_path()? == base_path, "its API does not stand below {base_path}");
    ensure!(api.tokens.starts_with("/run/secrets"), "its tokens are no secret: {}", api.tokens.display());
    Ok(())
}

fn user_of<S: Settings>(settings: &S) -> User {
    S::ACTOR.user(settings.nihdi())
}
