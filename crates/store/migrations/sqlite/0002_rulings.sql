-- What people ruled on traffic, for the gateway to heed.

CREATE TABLE rulings (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  idempotency_key TEXT NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  kind TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  withdrawn_at INTEGER,
  doc TEXT NOT NULL
) STRICT;
CREATE INDEX rulings_active ON rulings (expires_at) WHERE withdrawn_at IS NULL;
