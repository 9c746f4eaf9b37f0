//! People and their sessions.

use async_trait::async_trait;

use super::SqliteStore;
use super::fault::{read_doc, write_doc};
use crate::Result;
use crate::model::{Person, Session};
use crate::traits::People;

#[async_trait]
impl People for SqliteStore {
    async fn put_person(&self, person: &Person) -> Result<()> {
        let person = person.clone();
        self.write(move |c| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO people (name, doc) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET doc = excluded.doc",
                )
                .bind(&person.name)
                .bind(write_doc("person", &person.name, &person)?)
                .execute(c)
                .await?;
                Ok(())
            })
        })
        .await
    }

    async fn person(&self, name: &str) -> Result<Option<Person>> {
        let doc: Option<String> = sqlx::query_scalar("SELECT doc FROM people WHERE name = ?1")
            .bind(name)
            .fetch_optional(self.readers())
            .await
            .map_err(|e| self.explain(e))?;
        doc.map(|doc| read_doc("person", name, &doc)).transpose().map_err(|e| self.explain(e))
    }

    async fn list_people(&self) -> Result<Vec<Person>> {
        let rows: Vec<(String, String)> = sqlx::query_as("SELECT name, doc FROM people ORDER BY name")
            .fetch_all(self.readers())
            .await
            .map_err(|e| self.explain(e))?;
        let read = |(name, doc): (String, String)| read_doc("person", &name, &doc);
        rows.into_iter().map(read).collect::<Result<_, _>>().map_err(|e| self.explain(e))
    }

    async fn insert_session(&self, session: &Session) -> Result<()> {
        let (session, now) = (session.clone(), self.clock.now());
        self.write(move |c| {
            Box::pin(async move {
                // Sessions that ended by themselves go when the next one begins.
                sqlx::query("DELETE FROM sessions WHERE expires_at <= ?1").bind(now.0).execute(&mut *c).await?;
                sqlx::query("INSERT INTO sessions (token_digest, expires_at, doc) VALUES (?1, ?2, ?3)")
                    .bind(&session.token_digest)
                    .bind(session.expires_at.0)
                    .bind(write_doc("session", &session.person, &session)?)
                    .execute(c)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    async fn session(&self, token_digest: &str) -> Result<Option<Session>> {
        let doc: Option<String> =
            sqlx::query_scalar("SELECT doc FROM sessions WHERE token_digest = ?1 AND expires_at > ?2")
                .bind(token_digest)
                .bind(self.clock.now().0)
                .fetch_optional(self.readers())
                .await
                .map_err(|e| self.explain(e))?;
        doc.map(|doc| read_doc("session", "by digest", &doc)).transpose().map_err(|e| self.explain(e))
    }

    async fn delete_session(&self, token_digest: &str) -> Result<()> {
        let digest = token_digest.to_owned();
        self.write(move |c| {
            Box::pin(async move {
                sqlx::query("DELETE FROM sessions WHERE token_digest = ?1").bind(digest).execute(c).await?;
                Ok(())
            })
        })
        .await
    }
}
