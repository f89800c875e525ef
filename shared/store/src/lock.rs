//! Who may work on a store.

use std::{
    fmt,
    fs::{File, TryLockError},
    path::Path,
};

use sqlx::{ConnectOptions, Connection as _, PgConnection};

use crate::{Location, Server, StoreError, patience::answered, postgres::schema_name, private};

/// So often in a row the server is asked for a sign of life on a connection that gives none.
const ASKED_IN_VAIN_MAX: u32 = 3;

/// With whom a process works on its stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    /// With nobody: what it decides may rest on what it remembers.
    Alone,
    /// With processes like itself, where the store is in PostgreSQL: all that it decides rests on what a transaction read. A folder is for one process
    /// all the same.
    Alike,
}

/// Holds stores for this process until dropped; the operating system or the server lets go of them when the process dies.
pub struct StoreLock {
    held: Held,
    stores: Vec<String>,
    company: Company,
}

enum Held {
    File { _file: File },
    Server(Box<Session>),
}

/// The server forgets the locks of a connection that is gone, so one does nothing but hold them.
struct Session {
    server: Server,
    connection: Option<PgConnection>,
    /// The server's process behind the connection, or those behind earlier ones while there is none.
    processes: Vec<ServerProcess>,
    /// How often in a row it was asked without an answer.
    asked_in_vain: u32,
}

/// A process of the server. Numbers come again, and a number with its beginning does not.
struct ServerProcess {
    number: i32,
    since: String,
}

impl StoreLock {
    /// Takes the lock of `stores` at their location. A folder has one lock for all of its stores, and is made when it does not exist.
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`] when another process holds one of them, on a server for two seconds more; [`StoreError::Folder`] when the folder cannot be used,
    /// [`StoreError::Database`] or [`StoreError::Silent`] when the server cannot be asked.
    pub async fn take(location: &Location, stores: &[String], company: Company) -> Result<Self, StoreError> {
        // In one order for all, so that no two processes wait for what the other has.
        let mut stores = stores.to_vec();
        stores.sort_unstable();
        let held = match location {
            Location::Folder(folder) => Held::File { _file: lock_folder(folder)? },
            Location::Server(server) => {
                let mut processes = Vec::new();
                let connection = Some(lock_schemas(server, &stores, company, &mut processes).await?);
                Held::Server(Box::new(Session { server: server.clone(), connection, processes, asked_in_vain: 0 }))
            }
        };
        Ok(Self { held, stores, company })
    }

    /// Looks whether the stores are still this process's. A server that was away has forgotten it: then they are taken again. The caller says how long it
    /// waits: broken off three times in a row, this gives up the line and takes the stores over another.
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`] when another process was faster: this one must not work on them any more. [`StoreError::Database`] when the server cannot be
    /// asked at present.
    pub async fn hold(&mut self) -> Result<(), StoreError> {
        let Held::Server(session) = &mut self.held else { return Ok(()) };
        if let Some(connection) = &mut session.connection
            && session.asked_in_vain < ASKED_IN_VAIN_MAX
        {
            session.asked_in_vain += 1;
            let answer = connection.ping().await;
            session.asked_in_vain = 0;
            if answer.is_ok() {
                return Ok(());
            }
        }
        session.connection = None;
        let taken = lock_schemas(&session.server, &self.stores, self.company, &mut session.processes).await?;
        session.processes.drain(..session.processes.len().saturating_sub(1));
        (session.connection, session.asked_in_vain) = (Some(taken), 0);
        Ok(())
    }
}

fn lock_folder(folder: &Path) -> Result<File, StoreError> {
    let refused = |source| StoreError::Folder { path: folder.to_path_buf(), source };
    private::folder(folder).map_err(refused)?;
    let file = File::options().create(true).truncate(false).write(true).open(folder.join("lock")).map_err(refused)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { store: folder.display().to_string() }),
        Err(TryLockError::Error(source)) => Err(refused(source)),
    }
}

/// Takes the locks of schemas on a connection of their own. Behind a line that fell silent the server still holds them for this process's former connections,
/// so these of its `processes` end first. The server hears of the end of a process only after the process has ended, which is when a tester starts the next,
/// so who may have ended is waited for.
async fn lock_schemas(
    server: &Server,
    stores: &[String],
    company: Company,
    processes: &mut Vec<ServerProcess>,
) -> Result<PgConnection, StoreError> {
    const END: &str =
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND CAST(backend_start AS TEXT) = $2";
    const PROCESS: &str = "SELECT pid, CAST(backend_start AS TEXT) FROM pg_stat_activity WHERE pid = pg_backend_pid()";
    const ALONE: &str = "SELECT pg_advisory_lock(hashtextextended($1, 0))";
    const ALIKE: &str = "SELECT pg_advisory_lock_shared(hashtextextended($1, 0))";
    let options = (*server.options).clone().application_name("store lock").options([("lock_timeout", "2s")]);
    let patience = Some(server.patience);
    let mut connection = answered(patience, options.connect()).await?;
    for former in processes.iter() {
        let end = sqlx::query(END).bind(former.number).bind(&former.since);
        answered(patience, end.execute(&mut connection)).await?;
    }
    // Known before it asks for a lock, so that it can be ended too if this is broken off.
    let (number, since) = answered(patience, sqlx::query_as(PROCESS).fetch_one(&mut connection)).await?;
    processes.push(ServerProcess { number, since });
    for store in stores {
        let lock = sqlx::query(if company == Company::Alone { ALONE } else { ALIKE });
        let lock = lock.bind(format!("process of {}", schema_name(store)));
        answered(patience, lock.execute(&mut connection)).await.map_err(|error| refused(error, store))?;
    }
    Ok(connection)
}

/// What a server means that did not give a lock: its `lock_not_available`.
fn refused(error: StoreError, store: &str) -> StoreError {
    match error {
        StoreError::Refused { code, .. } if code == "55P03" => StoreError::Locked { store: store.to_owned() },
        other => other,
    }
}

impl fmt::Debug for StoreLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreLock").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinHandle;

    use super::*;
    use crate::test_server::waiting;

    const STORE: &str = "hd4res";

    async fn take(location: &Location, store: &str, company: Company) -> Result<StoreLock, StoreError> {
        StoreLock::take(location, &[store.to_owned()], company).await
    }

    async fn a_second_taker_is_told_and_gets_it_after_the_first_has_gone(location: Location) {
        let first = take(&location, STORE, Company::Alone).await.unwrap();
        for company in [Company::Alone, Company::Alike] {
            assert!(matches!(take(&location, STORE, company).await, Err(StoreError::Locked { .. })));
        }
        drop(first);
        take(&location, STORE, Company::Alike).await.unwrap();
    }

    #[tokio::test]
    async fn in_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        a_second_taker_is_told_and_gets_it_after_the_first_has_gone(folder.path().into()).await;
        let _first = take(&folder.path().into(), STORE, Company::Alike).await.unwrap();
        assert!(take(&folder.path().into(), STORE, Company::Alike).await.is_err(), "a folder is for one process");
    }

    #[tokio::test]
    async fn in_postgres() {
        let location = crate::test_server::database().await.unwrap();
        a_second_taker_is_told_and_gets_it_after_the_first_has_gone(location.clone()).await;
        let location = crate::test_server::database().await.unwrap();
        let _first = take(&location, STORE, Company::Alike).await.unwrap();
        let _second = take(&location, STORE, Company::Alike).await.unwrap();
        assert!(matches!(take(&location, STORE, Company::Alone).await, Err(StoreError::Locked { .. })));
        take(&location, "hd4dp-00000196", Company::Alone).await.unwrap();
    }

    /// A command that follows another at once is not to meet it.
    #[tokio::test]
    async fn a_server_is_given_time_to_hear_that_the_holder_has_ended() {
        let location = crate::test_server::database().await.unwrap();
        let first = take(&location, STORE, Company::Alone).await.unwrap();
        let second = tokio::spawn({
            let location = location.clone();
            async move { take(&location, STORE, Company::Alone).await }
        });
        while !second.is_finished() && waiting(&location).await.unwrap() == 0 {}
        drop(first);
        second.await.unwrap().unwrap();
    }

    /// As a tester does who names the hospitals the other way round.
    #[tokio::test]
    async fn two_who_take_the_same_stores_do_not_wait_for_each_other() {
        let location = crate::test_server::database().await.unwrap();
        let between = take(&location, STORE, Company::Alone).await.unwrap();
        let takers = [["dhw", STORE, "ehbox-hd"], ["ehbox-hd", STORE, "dhw"]].map(|stores| {
            let (location, stores) = (location.clone(), stores.map(str::to_owned));
            tokio::spawn(async move { StoreLock::take(&location, &stores, Company::Alone).await })
        });
        while !takers.iter().any(JoinHandle::is_finished) && waiting(&location).await.unwrap() < 2 {}
        drop(between);
        let mut taken = Vec::new();
        for taker in takers {
            taken.push(taker.await.unwrap());
        }
        taken.sort_by_key(Result::is_err);
        assert!(matches!(taken[..], [Ok(_), Err(StoreError::Locked { .. })]), "{taken:?}");
    }

    /// As a restart of the server does to all connections.
    async fn forget_all(location: &Location) {
        let Location::Server(server) = location else { return };
        let mut connection = server.options.connect().await.unwrap();
        let ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        sqlx::query(ending).execute(&mut connection).await.unwrap();
    }

    #[tokio::test]
    async fn what_the_server_forgot_is_taken_again_unless_somebody_else_has_it() {
        let location = crate::test_server::database().await.unwrap();
        let mut first = take(&location, STORE, Company::Alone).await.unwrap();
        first.hold().await.unwrap();
        forget_all(&location).await;
        // The end of a connection is heard of when it is used.
        while first.hold().await.is_err() {}
        assert!(take(&location, STORE, Company::Alone).await.is_err(), "it was not taken again");
        forget_all(&location).await;
        let second = take(&location, STORE, Company::Alone).await.unwrap();
        assert!(matches!(first.hold().await, Err(StoreError::Locked { .. })));
        drop(second);
        let folder = tempfile::tempdir().unwrap();
        take(&folder.path().into(), STORE, Company::Alone).await.unwrap().hold().await.unwrap();
    }
}
