BEGIN TRANSACTION;
CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0002');
CREATE TABLE consents (
    id INTEGER NOT NULL,
    address_hash VARCHAR(64) NOT NULL,
    event VARCHAR(16) NOT NULL,
    source TEXT NOT NULL,
    at VARCHAR(27) NOT NULL,
    CONSTRAINT pk_consents PRIMARY KEY (id)
);
INSERT INTO "consents" VALUES(1,'0000000000000000000000000000000000000000000000000000000000000001','imported','the form','2026-11-22T08:00:00.000000Z');
CREATE TABLE deliveries (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    run_id INTEGER NOT NULL,
    issue INTEGER NOT NULL,
    rehearsal BOOLEAN NOT NULL,
    subscriber_id INTEGER NOT NULL,
    address_hash VARCHAR(64) NOT NULL,
    position INTEGER NOT NULL,
    state VARCHAR(16) NOT NULL,
    attempt INTEGER DEFAULT '0' NOT NULL,
    reason TEXT DEFAULT '' NOT NULL,
    message_id TEXT DEFAULT '' NOT NULL,
    claimed_at VARCHAR(27),
    settled_at VARCHAR(27),
    risked INTEGER DEFAULT '0' NOT NULL,
    CONSTRAINT ck_deliveries_state_known CHECK (state in ('queued', 'claimed', 'accepted', 'deferred', 'refused', 'unknown', 'assumed', 'skipped')),
    CONSTRAINT ck_deliveries_accepted_has_message_id CHECK (state <> 'accepted' or message_id <> ''),
    CONSTRAINT ck_deliveries_claimed_is_an_attempt CHECK (state <> 'claimed' or (attempt > 0 and claimed_at is not null)),
    CONSTRAINT ck_deliveries_risked_once CHECK (risked in (0, 1)),
    CONSTRAINT fk_deliveries_run_id_issue_rehearsal_runs FOREIGN KEY(run_id, issue, rehearsal) REFERENCES runs (id, issue, rehearsal),
    CONSTRAINT uq_deliveries_issue_subscriber_id_rehearsal UNIQUE (issue, subscriber_id, rehearsal),
    CONSTRAINT uq_deliveries_issue_address_hash_rehearsal UNIQUE (issue, address_hash, rehearsal),
    CONSTRAINT uq_deliveries_run_id_position UNIQUE (run_id, position)
);
INSERT INTO "deliveries" VALUES(1,5,74,0,1,'0000000000000000000000000000000000000000000000000000000000000001',1,'queued',1,'why','m','2026-11-22T08:00:00.000000Z',NULL,0);
INSERT INTO "deliveries" VALUES(2,5,74,0,2,'0000000000000000000000000000000000000000000000000000000000000002',2,'claimed',1,'why','m','2026-11-22T08:00:00.000000Z',NULL,0);
INSERT INTO "deliveries" VALUES(3,5,74,0,3,'0000000000000000000000000000000000000000000000000000000000000003',3,'accepted',1,'why','m','2026-11-22T08:00:00.000000Z',NULL,0);
INSERT INTO "deliveries" VALUES(4,5,74,0,4,'0000000000000000000000000000000000000000000000000000000000000004',4,'deferred',1,'why','m','2026-11-22T08:00:00.000000Z',NULL,0);
INSERT INTO "deliveries" VALUES(5,5,74,0,5,'0000000000000000000000000000000000000000000000000000000000000005',5,'refused',1,'why','m','2026-11-22T08:00:00.000000Z',NULL,0);
INSERT INTO "deliveries" VALUES(6,5,74,0,6,'0000000000000000000000000000000000000000000000000000000000000006',6,'unknown',1,'why','m','2026-11-22T08:00:00.000000Z',NULL,0);
INSERT INTO "deliveries" VALUES(7,5,74,0,7,'0000000000000000000000000000000000000000000000000000000000000007',7,'skipped',1,'why','m','2026-11-22T08:00:00.000000Z',NULL,0);
INSERT INTO "deliveries" VALUES(8,5,74,0,8,'0000000000000000000000000000000000000000000000000000000000000008',8,'assumed',1,'why','m','2026-11-22T08:00:00.000000Z',NULL,0);
CREATE TABLE imports (
    id INTEGER NOT NULL,
    file_name TEXT NOT NULL,
    file_hash VARCHAR(64) NOT NULL,
    consent_source TEXT NOT NULL,
    counts TEXT NOT NULL,
    at VARCHAR(27) NOT NULL,
    CONSTRAINT pk_imports PRIMARY KEY (id)
);
INSERT INTO "imports" VALUES(1,'readers.csv','ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff','the form','{}','2026-11-22T08:00:00.000000Z');
CREATE TABLE runs (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    issue INTEGER NOT NULL,
    rehearsal BOOLEAN NOT NULL,
    transport TEXT NOT NULL,
    title TEXT NOT NULL,
    envelope BLOB NOT NULL,
    content_hash VARCHAR(64) NOT NULL,
    source_hash VARCHAR(64) NOT NULL,
    skipped_checks TEXT NOT NULL,
    state VARCHAR(16) NOT NULL,
    recipients INTEGER NOT NULL,
    started_at VARCHAR(27) NOT NULL,
    finished_at VARCHAR(27), pause VARCHAR(16) DEFAULT '' NOT NULL CONSTRAINT ck_runs_pause_known CHECK (pause in ('', 'interrupted', 'quota', 'network', 'limit', 'retry', 'put off', 'breaker', 'account', 'malformed', 'fault')), reason TEXT DEFAULT '' NOT NULL,
    CONSTRAINT ck_runs_state_known CHECK (state in ('running', 'paused', 'finished')),
    CONSTRAINT uq_runs_issue_rehearsal UNIQUE (issue, rehearsal),
    CONSTRAINT uq_runs_id_issue_rehearsal UNIQUE (id, issue, rehearsal)
);
INSERT INTO "runs" VALUES(5,74,0,'ses','Title',X'6D61696C','00d8d3f11739d2f3537099982b4674c29fc59a8fda350fca1379613adbb09119','5555555555555555555555555555555555555555555555555555555555555555','','paused',8,'2026-11-22T08:00:00.000000Z',NULL,'','');
CREATE TABLE signing_keys (
    id INTEGER NOT NULL,
    secret BLOB NOT NULL,
    purpose VARCHAR(16) NOT NULL,
    created_at VARCHAR(27) NOT NULL,
    CONSTRAINT pk_signing_keys PRIMARY KEY (id),
    CONSTRAINT ck_signing_keys_id_is_a_byte CHECK (id between 0 and 255),
    CONSTRAINT ck_signing_keys_secret_length CHECK (length(secret) = 32),
    CONSTRAINT ck_signing_keys_purpose_known CHECK (purpose in ('links', 'addresses'))
);
INSERT INTO "signing_keys" VALUES(0,X'6C6C6C6C6C6C6C6C6C6C6C6C6C6C6C6C6C6C6C6C6C6C6C6C6C6C6C6C6C6C6C6C','links','2026-11-22T08:00:00.000000Z');
INSERT INTO "signing_keys" VALUES(1,X'6161616161616161616161616161616161616161616161616161616161616161','addresses','2026-11-22T08:00:00.000000Z');
CREATE TABLE subscribers (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    handle VARCHAR(24) NOT NULL,
    email TEXT NOT NULL,
    address_hash VARCHAR(64) NOT NULL,
    name TEXT NOT NULL,
    status VARCHAR(16) NOT NULL,
    fields TEXT NOT NULL,
    created_at VARCHAR(27) NOT NULL,
    updated_at VARCHAR(27) NOT NULL,
    CONSTRAINT ck_subscribers_status_known CHECK (status in ('pending', 'active', 'unsubscribed')),
    CONSTRAINT uq_subscribers_handle UNIQUE (handle),
    CONSTRAINT uq_subscribers_address_hash UNIQUE (address_hash)
);
INSERT INTO "subscribers" VALUES(1,'000000000000000000000001','reader1@example.org','0000000000000000000000000000000000000000000000000000000000000001','Reader 1','active','{"town": "Port"}','2026-11-22T08:00:00.000000Z','2026-11-22T08:00:00.000000Z');
INSERT INTO "subscribers" VALUES(2,'000000000000000000000002','reader2@example.org','0000000000000000000000000000000000000000000000000000000000000002','Reader 2','unsubscribed','{"town": "Port"}','2026-11-22T08:00:00.000000Z','2026-11-22T08:00:00.000000Z');
CREATE TABLE suppressions (
    address_hash VARCHAR(64) NOT NULL,
    reason TEXT NOT NULL,
    created_at VARCHAR(27) NOT NULL,
    CONSTRAINT pk_suppressions PRIMARY KEY (address_hash)
);
INSERT INTO "suppressions" VALUES('0000000000000000000000000000000000000000000000000000000000000009','bounced','2026-11-22T08:00:00.000000Z');
CREATE TABLE tags (
    subscriber_id INTEGER NOT NULL,
    tag TEXT NOT NULL,
    CONSTRAINT pk_tags PRIMARY KEY (subscriber_id, tag),
    CONSTRAINT fk_tags_subscriber_id_subscribers FOREIGN KEY(subscriber_id) REFERENCES subscribers (id) ON DELETE CASCADE
);
INSERT INTO "tags" VALUES(1,'weekly');
CREATE INDEX ix_tags_tag ON tags (tag);
CREATE INDEX ix_consents_address_hash ON consents (address_hash);
CREATE INDEX ix_deliveries_run_id_state_position ON deliveries (run_id, state, position);
CREATE INDEX ix_deliveries_reasons ON deliveries (run_id, state, reason) WHERE reason <> '';
CREATE TRIGGER deliveries_arrow BEFORE UPDATE OF state ON deliveries WHEN OLD.state || '>' || NEW.state NOT IN ('queued>claimed', 'queued>skipped', 'claimed>accepted', 'claimed>deferred', 'claimed>queued', 'claimed>refused', 'claimed>unknown', 'deferred>queued', 'refused>queued', 'unknown>queued', 'unknown>assumed') BEGIN SELECT RAISE(ABORT, 'no such way from state to state'); END;
CREATE TRIGGER deliveries_attempt BEFORE UPDATE OF attempt, state ON deliveries WHEN NEW.attempt <> OLD.attempt + (OLD.state = 'queued' AND NEW.state = 'claimed') BEGIN SELECT RAISE(ABORT, 'an attempt is counted by its claim, one by one'); END;
CREATE TRIGGER deliveries_risk BEFORE UPDATE OF risked, state ON deliveries WHEN NEW.risked <> OLD.risked + (OLD.state = 'unknown' AND NEW.state = 'queued') BEGIN SELECT RAISE(ABORT, 'what is unknown is sent again once, by a person'); END;
CREATE TRIGGER deliveries_fixed BEFORE UPDATE OF id, run_id, issue, rehearsal, subscriber_id, address_hash, position ON deliveries WHEN 1 BEGIN SELECT RAISE(ABORT, 'who gets what is frozen'); END;
CREATE TRIGGER deliveries_kept BEFORE DELETE ON deliveries WHEN NOT OLD.rehearsal BEGIN SELECT RAISE(ABORT, 'a real run stays on record'); END;
CREATE TRIGGER runs_fixed BEFORE UPDATE OF id, issue, rehearsal, envelope, content_hash, source_hash ON runs WHEN 1 BEGIN SELECT RAISE(ABORT, 'what is sent is frozen'); END;
CREATE TRIGGER runs_recipients BEFORE UPDATE OF recipients ON runs WHEN OLD.recipients <> 0 BEGIN SELECT RAISE(ABORT, 'the number of recipients is frozen'); END;
CREATE TRIGGER runs_finished BEFORE UPDATE OF state ON runs WHEN NEW.state = 'finished' AND EXISTS (SELECT 1 FROM deliveries WHERE run_id = NEW.id AND state IN ('queued', 'claimed', 'deferred')) BEGIN SELECT RAISE(ABORT, 'deliveries are left'); END;
CREATE TRIGGER runs_kept BEFORE DELETE ON runs WHEN NOT OLD.rehearsal BEGIN SELECT RAISE(ABORT, 'a real run stays on record'); END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('deliveries',8);
INSERT INTO "sqlite_sequence" VALUES('subscribers',3);
INSERT INTO "sqlite_sequence" VALUES('runs',6);
COMMIT;
