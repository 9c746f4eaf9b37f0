-- Columns are what is searched or changed in place; `doc` is the row's JSON as the model has it.

CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  revoked_at INTEGER,
  doc TEXT NOT NULL
) STRICT;
CREATE INDEX api_keys_tenant ON api_keys (tenant);

CREATE TABLE containments (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  idempotency_key TEXT NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  lifted_at INTEGER,
  doc TEXT NOT NULL
) STRICT;
CREATE INDEX containments_active ON containments (expires_at) WHERE lifted_at IS NULL;

CREATE TABLE events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  source TEXT NOT NULL,
  kind TEXT NOT NULL,
  tenant TEXT NOT NULL,
  dedupe_key TEXT NOT NULL,
  at INTEGER NOT NULL,
  payload TEXT NOT NULL,
  UNIQUE (source, dedupe_key)
) STRICT;

CREATE TABLE cursors (reader TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE alerts (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant TEXT NOT NULL,
  source TEXT NOT NULL,
  delivery_id TEXT,
  content_hash TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL,
  count INTEGER NOT NULL,
  state TEXT NOT NULL,
  incident TEXT,
  case_id TEXT,
  raw TEXT NOT NULL,
  triage TEXT
) STRICT;
CREATE INDEX alerts_content ON alerts (tenant, source, content_hash, received_at);
CREATE INDEX alerts_received ON alerts (seq) WHERE state = 'received';
CREATE INDEX alerts_state ON alerts (state);
CREATE INDEX alerts_case ON alerts (case_id, seq) WHERE case_id IS NOT NULL;

CREATE TABLE deliveries (
  tenant TEXT NOT NULL,
  source TEXT NOT NULL,
  delivery_id TEXT NOT NULL,
  alert INTEGER NOT NULL REFERENCES alerts (seq),
  PRIMARY KEY (tenant, source, delivery_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE dead_letters (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  source TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  reason TEXT NOT NULL,
  excerpt TEXT NOT NULL
) STRICT;

CREATE TABLE cases (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  state TEXT NOT NULL,
  doc TEXT NOT NULL
) STRICT;
CREATE INDEX cases_state ON cases (state, seq);
CREATE INDEX cases_tenant ON cases (tenant, seq);

CREATE TABLE incidents (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  closed INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  case_id TEXT NOT NULL REFERENCES cases (id),
  doc TEXT NOT NULL,
  memory TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX incidents_open ON incidents (tenant, last_at) WHERE closed = 0;
CREATE INDEX incidents_case ON incidents (case_id);

CREATE TABLE timeline (
  case_id TEXT NOT NULL REFERENCES cases (id),
  seq INTEGER NOT NULL,
  idempotency_key TEXT,
  doc TEXT NOT NULL,
  PRIMARY KEY (case_id, seq)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX timeline_once ON timeline (case_id, idempotency_key) WHERE idempotency_key IS NOT NULL;

CREATE TABLE runs (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  idempotency_key TEXT NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  case_id TEXT NOT NULL,
  state TEXT NOT NULL,
  updated_at INTEGER NOT NULL,
  doc TEXT NOT NULL
) STRICT;
CREATE INDEX runs_live ON runs (seq) WHERE state IN ('running', 'waiting');
CREATE INDEX runs_case ON runs (case_id, seq);

CREATE TABLE run_events (
  run TEXT NOT NULL REFERENCES runs (id),
  seq INTEGER NOT NULL,
  at INTEGER NOT NULL,
  event TEXT NOT NULL,
  PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE intents (
  key TEXT PRIMARY KEY,
  run TEXT NOT NULL REFERENCES runs (id),
  step TEXT NOT NULL,
  at INTEGER NOT NULL,
  command TEXT NOT NULL,
  undo TEXT NOT NULL,
  result TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX intents_run ON intents (run);

CREATE TABLE approvals (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  idempotency_key TEXT NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  case_id TEXT NOT NULL,
  state TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  doc TEXT NOT NULL
) STRICT;
CREATE INDEX approvals_pending ON approvals (seq) WHERE state = 'pending';
CREATE INDEX approvals_case ON approvals (case_id, seq);

CREATE TABLE evidence (
  case_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  idempotency_key TEXT NOT NULL UNIQUE,
  doc TEXT NOT NULL,
  head TEXT NOT NULL,
  PRIMARY KEY (case_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (seq INTEGER PRIMARY KEY AUTOINCREMENT, doc TEXT NOT NULL, hash TEXT NOT NULL) STRICT;

CREATE TABLE people (name TEXT PRIMARY KEY, doc TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
  token_digest TEXT PRIMARY KEY,
  expires_at INTEGER NOT NULL,
  doc TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE components (
  component TEXT NOT NULL,
  instance TEXT NOT NULL,
  at INTEGER NOT NULL,
  doc TEXT NOT NULL,
  PRIMARY KEY (component, instance)
) STRICT, WITHOUT ROWID;
