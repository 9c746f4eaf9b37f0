-- Tool calls that a gateway stopped are questions to people like those of runs: the same table, the same votes. They belong to
-- no case: `case_id` is empty there, since no case has an empty id.
ALTER TABLE approvals ADD COLUMN call_key TEXT;
ALTER TABLE approvals ADD COLUMN call_digest TEXT;
-- Never two questions about one call at once, and never two approvals to spend.
CREATE UNIQUE INDEX approvals_call_open ON approvals (tenant, call_key, call_digest)
  WHERE call_digest IS NOT NULL AND state IN ('pending', 'approved');
CREATE INDEX approvals_call ON approvals (tenant, call_key, call_digest, seq) WHERE call_digest IS NOT NULL;
CREATE INDEX approvals_call_waiting ON approvals (tenant, call_key) WHERE call_key IS NOT NULL AND state = 'pending';
CREATE INDEX approvals_tenant ON approvals (tenant, seq);
