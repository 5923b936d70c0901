BEGIN TRANSACTION;
CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0021');
CREATE TABLE clicks (
	issue INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	hour VARCHAR(13) NOT NULL, 
	sort VARCHAR(8) NOT NULL, 
	times INTEGER NOT NULL, 
	CONSTRAINT pk_clicks PRIMARY KEY (issue, number, hour, sort), 
	CONSTRAINT ck_clicks_sort_known CHECK (sort in ('person', 'machine'))
);
INSERT INTO "clicks" VALUES(74,1,'2026-11-22T08','person',3);
CREATE TABLE clock (
    rehearsal BOOLEAN NOT NULL,
    since VARCHAR(27) NOT NULL,
    seen VARCHAR(27) NOT NULL,
    CONSTRAINT pk_clock PRIMARY KEY (rehearsal)
);
INSERT INTO "clock" VALUES(0,'2026-11-22T08:00:00.000000Z','2026-11-22T08:00:00.000000Z');
CREATE TABLE confirmations (
	token_hash VARCHAR(64) NOT NULL, 
	address_hash VARCHAR(64) NOT NULL, 
	created_at VARCHAR(27) NOT NULL, 
	spent VARCHAR(16) NOT NULL, 
	CONSTRAINT pk_confirmations PRIMARY KEY (token_hash), 
	CONSTRAINT ck_confirmations_spent_known CHECK (spent in ('', 'confirmed', 'refused'))
);
CREATE TABLE consents (
    id INTEGER NOT NULL,
    address_hash VARCHAR(64) NOT NULL,
    event VARCHAR(16) NOT NULL,
    source TEXT NOT NULL,
    at VARCHAR(27) NOT NULL, wording TEXT DEFAULT '' NOT NULL, wording_hash VARCHAR(64) DEFAULT '' NOT NULL, ip TEXT DEFAULT '' NOT NULL, agent TEXT DEFAULT '' NOT NULL, since VARCHAR(27),
    CONSTRAINT pk_consents PRIMARY KEY (id)
);
INSERT INTO "consents" VALUES(1,'0000000000000000000000000000000000000000000000000000000000000001','imported','the form','2026-11-22T08:00:00.000000Z','','','','',NULL);
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
    worker VARCHAR(32) DEFAULT '' NOT NULL,
    CONSTRAINT ck_deliveries_state_known CHECK (state in ('queued', 'claimed', 'accepted', 'deferred', 'refused', 'unknown', 'assumed', 'skipped')),
    CONSTRAINT ck_deliveries_accepted_has_message_id CHECK (state <> 'accepted' or message_id <> ''),
    CONSTRAINT ck_deliveries_claimed_is_an_attempt CHECK (state <> 'claimed' or (attempt > 0 and claimed_at is not null)),
    CONSTRAINT ck_deliveries_risked_once CHECK (risked in (0, 1)),
    CONSTRAINT fk_deliveries_run_id_issue_rehearsal_runs FOREIGN KEY(run_id, issue, rehearsal) REFERENCES runs (id, issue, rehearsal),
    CONSTRAINT uq_deliveries_issue_subscriber_id_rehearsal UNIQUE (issue, subscriber_id, rehearsal),
    CONSTRAINT uq_deliveries_issue_address_hash_rehearsal UNIQUE (issue, address_hash, rehearsal),
    CONSTRAINT uq_deliveries_run_id_position UNIQUE (run_id, position)
);
INSERT INTO "deliveries" VALUES(1,5,74,0,1,'0000000000000000000000000000000000000000000000000000000000000001',1,'queued',1,'why','m','2026-11-22T08:00:00.000000Z',NULL,0,'');
INSERT INTO "deliveries" VALUES(2,5,74,0,2,'0000000000000000000000000000000000000000000000000000000000000002',2,'claimed',1,'why','m','2026-11-22T08:00:00.000000Z',NULL,0,'');
INSERT INTO "deliveries" VALUES(3,5,74,0,3,'0000000000000000000000000000000000000000000000000000000000000003',3,'accepted',1,'why','m','2026-11-22T08:00:00.000000Z',NULL,0,'');
INSERT INTO "deliveries" VALUES(4,5,74,0,4,'0000000000000000000000000000000000000000000000000000000000000004',4,'deferred',1,'why','m','2026-11-22T08:00:00.000000Z',NULL,0,'');
INSERT INTO "deliveries" VALUES(5,5,74,0,5,'0000000000000000000000000000000000000000000000000000000000000005',5,'refused',1,'why','m','2026-11-22T08:00:00.000000Z',NULL,0,'');
INSERT INTO "deliveries" VALUES(6,5,74,0,6,'0000000000000000000000000000000000000000000000000000000000000006',6,'unknown',1,'why','m','2026-11-22T08:00:00.000000Z',NULL,0,'');
INSERT INTO "deliveries" VALUES(7,5,74,0,7,'0000000000000000000000000000000000000000000000000000000000000007',7,'skipped',1,'why','m','2026-11-22T08:00:00.000000Z',NULL,0,'');
INSERT INTO "deliveries" VALUES(8,5,74,0,8,'0000000000000000000000000000000000000000000000000000000000000008',8,'assumed',1,'why','m','2026-11-22T08:00:00.000000Z',NULL,0,'');
CREATE TABLE events (
    id INTEGER NOT NULL,
    "key" VARCHAR(64) NOT NULL,
    kind VARCHAR(20) NOT NULL,
    detail TEXT NOT NULL,
    at VARCHAR(27) NOT NULL,
    sent_at VARCHAR(27) NOT NULL,
    received_at VARCHAR(27) NOT NULL,
    message_id TEXT NOT NULL,
    delivery_id INTEGER,
    attempt INTEGER,
    address_hash VARCHAR(64), issue INTEGER,
    CONSTRAINT pk_events PRIMARY KEY (id),
    CONSTRAINT ck_events_kind_known CHECK (kind in ('send', 'delivery', 'bounce', 'complaint', 'reject', 'rendering failure', 'delay', 'subscription', 'open', 'click')),
    CONSTRAINT uq_events_key UNIQUE ("key")
);
INSERT INTO "events" VALUES(1,'k','delivery','','2026-11-22T08:00:00.000000Z','2026-11-22T08:00:00.000000Z','2026-11-22T08:00:00.000000Z','m',3,1,'0000000000000000000000000000000000000000000000000000000000000003',NULL);
CREATE TABLE identity (
    id VARCHAR(32) NOT NULL,
    old_tags_until VARCHAR(27),
    CONSTRAINT pk_identity PRIMARY KEY (id),
    CONSTRAINT ck_identity_id_length CHECK (length(id) = 32)
);
INSERT INTO "identity" VALUES('55555555555555555555555555555555',NULL);
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
CREATE TABLE left_handles (
    handle VARCHAR(24) NOT NULL,
    created_at VARCHAR(27) NOT NULL,
    CONSTRAINT pk_left_handles PRIMARY KEY (handle)
);
INSERT INTO "left_handles" VALUES('000000000000000000000008','2026-11-22T08:00:00.000000Z');
CREATE TABLE letters (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	kind VARCHAR(16) NOT NULL, 
	address_hash VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	attempt INTEGER NOT NULL, 
	released BOOLEAN NOT NULL, 
	created_at VARCHAR(27) NOT NULL, 
	not_before VARCHAR(27) NOT NULL, 
	claimed_at VARCHAR(27), 
	settled_at VARCHAR(27), 
	message_id TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	CONSTRAINT ck_letters_kind_known CHECK (kind in ('confirm', 'already', 'welcome', 'move', 'moved')), 
	CONSTRAINT ck_letters_state_known CHECK (state in ('queued', 'claimed', 'accepted', 'refused', 'unknown', 'dropped'))
);
CREATE TABLE limits (
	id INTEGER NOT NULL, 
	"key" VARCHAR(64) NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_limits PRIMARY KEY (id), 
	CONSTRAINT ck_limits_kind_known CHECK (kind in ('address', 'network', 'pass'))
);
CREATE TABLE links (
	issue INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	url TEXT NOT NULL, 
	text TEXT NOT NULL, 
	CONSTRAINT pk_links PRIMARY KEY (issue, number)
);
INSERT INTO "links" VALUES(74,1,'https://example.org/tides','tides');
CREATE TABLE moves (
	old_handle VARCHAR(24) NOT NULL, 
	new_handle VARCHAR(24) NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_moves PRIMARY KEY (old_handle)
);
CREATE TABLE network_keys (
	day VARCHAR(10) NOT NULL, 
	secret BLOB NOT NULL, 
	created_at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_network_keys PRIMARY KEY (day)
);
CREATE TABLE notices (
    topic TEXT NOT NULL,
    tries INTEGER NOT NULL,
    told BOOLEAN NOT NULL,
    at VARCHAR(27) NOT NULL,
    CONSTRAINT pk_notices PRIMARY KEY (topic)
);
INSERT INTO "notices" VALUES('taken 2026-11-22',1,1,'2026-11-22T08:00:00.000000Z');
CREATE TABLE occurrences (
    day VARCHAR(10) NOT NULL,
    rehearsal BOOLEAN NOT NULL,
    at VARCHAR(27) NOT NULL,
    state VARCHAR(16) NOT NULL,
    issue INTEGER,
    reason TEXT NOT NULL,
    noted_at VARCHAR(27) NOT NULL,
    CONSTRAINT pk_occurrences PRIMARY KEY (day, rehearsal),
    CONSTRAINT ck_occurrences_state_known CHECK (state in ('taken', 'missed')),
    CONSTRAINT ck_occurrences_taken_by_an_issue CHECK (state <> 'taken' or issue is not null)
);
INSERT INTO "occurrences" VALUES('2026-11-22',0,'2026-11-22T08:00:00.000000Z','taken',74,'','2026-11-22T08:00:00.000000Z');
CREATE TABLE proofs (
	account VARCHAR(12) NOT NULL, 
	region VARCHAR(32) NOT NULL, 
	mode VARCHAR(16) NOT NULL, 
	rules INTEGER NOT NULL, 
	program TEXT NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_proofs PRIMARY KEY (account, region, mode, rules), 
	CONSTRAINT ck_proofs_mode_known CHECK (mode in ('single', 'bulk'))
);
INSERT INTO "proofs" VALUES('123456789012','eu-west-1','bulk',1,'0.1.0','2026-11-22T08:00:00.000000Z');
CREATE TABLE rating_labels (
	issue INTEGER NOT NULL, 
	answer VARCHAR(4) NOT NULL, 
	label TEXT NOT NULL, 
	CONSTRAINT pk_rating_labels PRIMARY KEY (issue, answer), 
	CONSTRAINT ck_rating_labels_answer_known CHECK (answer in ('good', 'fine', 'bad'))
);
INSERT INTO "rating_labels" VALUES(74,'good','Loved it');
INSERT INTO "rating_labels" VALUES(74,'bad','Not for me');
CREATE TABLE ratings (
	issue INTEGER NOT NULL, 
	address_hash VARCHAR(64) NOT NULL, 
	answer VARCHAR(4) NOT NULL, 
	words TEXT NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_ratings PRIMARY KEY (issue, address_hash), 
	CONSTRAINT fk_ratings_issue_answer_rating_labels FOREIGN KEY(issue, answer) REFERENCES rating_labels (issue, answer)
);
INSERT INTO "ratings" VALUES(74,'0000000000000000000000000000000000000000000000000000000000000003','good','More of this','2026-11-22T09:00:00.000000Z');
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
    finished_at VARCHAR(27),
    pause VARCHAR(16) DEFAULT '' NOT NULL,
    reason TEXT DEFAULT '' NOT NULL, forgotten_attempts INTEGER DEFAULT '0' NOT NULL, accounts TEXT DEFAULT '' NOT NULL,
    way TEXT DEFAULT '' NOT NULL,
    server TEXT DEFAULT '' NOT NULL,
    told_attempts INTEGER DEFAULT '0' NOT NULL,
    told_position INTEGER DEFAULT '0' NOT NULL,
    resumed_at VARCHAR(27),
    CONSTRAINT ck_runs_state_known CHECK (state in ('announced', 'freezing', 'running', 'paused', 'cancelled', 'finished')),
    CONSTRAINT ck_runs_pause_known CHECK (pause in ('', 'interrupted', 'quota', 'network', 'limit', 'retry', 'put off', 'breaker', 'account', 'malformed', 'fault')),
    CONSTRAINT uq_runs_issue_rehearsal UNIQUE (issue, rehearsal),
    CONSTRAINT uq_runs_id_issue_rehearsal UNIQUE (id, issue, rehearsal)
);
INSERT INTO "runs" VALUES(5,74,0,'ses','Title',X'6D61696C','00d8d3f11739d2f3537099982b4674c29fc59a8fda350fca1379613adbb09119','5555555555555555555555555555555555555555555555555555555555555555','','paused',8,'2026-11-22T08:00:00.000000Z',NULL,'','',2,'?','','',0,0,NULL);
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
CREATE TABLE signups (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	email TEXT NOT NULL, 
	address_hash VARCHAR(64) NOT NULL, 
	name TEXT NOT NULL, 
	tags TEXT NOT NULL, 
	moves VARCHAR(24) NOT NULL, 
	source TEXT NOT NULL, 
	wording TEXT NOT NULL, 
	ip TEXT NOT NULL, 
	agent TEXT NOT NULL, 
	asked_at VARCHAR(27) NOT NULL, 
	CONSTRAINT uq_signups_address_hash UNIQUE (address_hash)
);
CREATE TABLE staged_imports (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    file_name TEXT NOT NULL,
    file_hash VARCHAR(64) NOT NULL,
    consent_source TEXT NOT NULL,
    state VARCHAR(16) NOT NULL,
    counts TEXT NOT NULL,
    at VARCHAR(27) NOT NULL,
    CONSTRAINT ck_staged_imports_state_known CHECK (state in ('staging', 'applying', 'applied'))
);
CREATE TABLE staged_rows (
    import_id INTEGER NOT NULL,
    slice INTEGER NOT NULL,
    position INTEGER NOT NULL,
    line INTEGER NOT NULL,
    fault TEXT NOT NULL,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    status VARCHAR(16) NOT NULL,
    suppression TEXT NOT NULL,
    tags TEXT NOT NULL,
    fields TEXT NOT NULL, joined VARCHAR(27), address_hash VARCHAR(64) DEFAULT '' NOT NULL, handle VARCHAR(24) DEFAULT '' NOT NULL,
    CONSTRAINT pk_staged_rows PRIMARY KEY (import_id, slice, position),
    CONSTRAINT fk_staged_rows_import_id_staged_imports FOREIGN KEY(import_id) REFERENCES staged_imports (id)
)
 WITHOUT ROWID

;
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
CREATE TABLE unanswered (
	day VARCHAR(10) NOT NULL, 
	number INTEGER NOT NULL, 
	CONSTRAINT pk_unanswered PRIMARY KEY (day)
);
CREATE INDEX ix_tags_tag ON tags (tag);
CREATE INDEX ix_consents_address_hash ON consents (address_hash);
CREATE INDEX ix_deliveries_attempted ON deliveries (run_id, state, position, attempt) WHERE attempt > 0;
CREATE INDEX ix_deliveries_run_id_state_position ON deliveries (run_id, state, position);
CREATE INDEX ix_deliveries_reasons ON deliveries (run_id, state, reason) WHERE reason <> '';
CREATE INDEX ix_events_delivery_id ON events (delivery_id);
CREATE INDEX ix_events_kind_received_at ON events (kind, received_at);
CREATE INDEX ix_events_address_hash ON events (address_hash);
CREATE INDEX ix_events_stray ON events (message_id) WHERE delivery_id is null;
CREATE INDEX ix_deliveries_message_id ON deliveries (message_id) WHERE message_id <> '';
CREATE INDEX ix_confirmations_address_hash ON confirmations (address_hash);
CREATE INDEX ix_letters_address_hash ON letters (address_hash);
CREATE INDEX ix_letters_state_not_before ON letters (state, not_before);
CREATE INDEX ix_letters_claimed_at ON letters (claimed_at);
CREATE INDEX ix_limits_key_at ON limits ("key", at);
CREATE INDEX ix_limits_kind_at ON limits (kind, at);
CREATE INDEX ix_ratings_address_hash ON ratings (address_hash);
CREATE INDEX ix_ratings_issue_answer ON ratings (issue, answer);
CREATE TRIGGER deliveries_arrow BEFORE UPDATE OF state ON deliveries WHEN OLD.state || '>' || NEW.state NOT IN ('queued>claimed', 'queued>skipped', 'claimed>accepted', 'claimed>deferred', 'claimed>queued', 'claimed>refused', 'claimed>unknown', 'deferred>queued', 'refused>queued', 'unknown>queued', 'unknown>assumed', 'queued>accepted', 'deferred>accepted', 'refused>accepted', 'unknown>accepted', 'assumed>accepted', 'accepted>refused', 'unknown>refused', 'assumed>refused') BEGIN SELECT RAISE(ABORT, 'no such way from state to state'); END;
CREATE TRIGGER deliveries_attempt BEFORE UPDATE OF attempt, state ON deliveries WHEN NEW.attempt <> OLD.attempt + (OLD.state = 'queued' AND NEW.state = 'claimed') BEGIN SELECT RAISE(ABORT, 'an attempt is counted by its claim, one by one'); END;
CREATE TRIGGER deliveries_risk BEFORE UPDATE OF risked, state ON deliveries WHEN NEW.risked <> OLD.risked + (OLD.state = 'unknown' AND NEW.state = 'queued') BEGIN SELECT RAISE(ABORT, 'what is unknown is sent again once, by a person'); END;
CREATE TRIGGER deliveries_accepted BEFORE UPDATE OF state ON deliveries WHEN NEW.state = 'accepted' AND OLD.state NOT IN ('claimed', 'accepted') AND NOT (OLD.worker <> '' AND OLD.message_id = '' AND (OLD.state = 'unknown' OR (OLD.state = 'queued' AND OLD.risked = 1))) AND NOT EXISTS (SELECT 1 FROM events WHERE delivery_id = OLD.id AND kind NOT IN ('reject', 'rendering failure')) BEGIN SELECT RAISE(ABORT, 'no event shows that it was accepted'); END;
CREATE TRIGGER deliveries_dropped BEFORE UPDATE OF state ON deliveries WHEN NEW.state = 'refused' AND OLD.state NOT IN ('claimed', 'refused') AND NOT EXISTS (SELECT 1 FROM events WHERE delivery_id = OLD.id AND kind IN ('reject', 'rendering failure')) BEGIN SELECT RAISE(ABORT, 'no event shows that it was dropped'); END;
CREATE TRIGGER deliveries_running BEFORE UPDATE OF state ON deliveries WHEN NEW.state = 'claimed' AND (SELECT state FROM runs WHERE id = NEW.run_id) <> 'running' BEGIN SELECT RAISE(ABORT, 'the run is not running'); END;
CREATE TRIGGER deliveries_fixed BEFORE UPDATE OF id, run_id, issue, rehearsal, subscriber_id, address_hash, position ON deliveries WHEN 1 BEGIN SELECT RAISE(ABORT, 'who gets what is frozen'); END;
CREATE TRIGGER deliveries_kept BEFORE DELETE ON deliveries WHEN NOT OLD.rehearsal AND (OLD.state <> 'queued' OR OLD.attempt <> 0 OR NOT EXISTS (SELECT 1 FROM runs WHERE id = OLD.run_id AND recipients = 0 AND state IN ('freezing', 'cancelled'))) BEGIN SELECT RAISE(ABORT, 'a real run stays on record'); END;
CREATE TRIGGER runs_fixed BEFORE UPDATE OF id, issue, rehearsal ON runs WHEN 1 BEGIN SELECT RAISE(ABORT, 'what is sent is frozen'); END;
CREATE TRIGGER runs_content BEFORE UPDATE OF envelope, content_hash, source_hash ON runs WHEN OLD.recipients <> 0 OR OLD.state NOT IN ('announced', 'freezing', 'cancelled') BEGIN SELECT RAISE(ABORT, 'what is sent is frozen'); END;
CREATE TRIGGER runs_recipients BEFORE UPDATE OF recipients ON runs WHEN OLD.recipients <> 0 AND NOT (OLD.rehearsal AND NEW.recipients = 0 AND NEW.state = 'freezing') BEGIN SELECT RAISE(ABORT, 'the number of recipients is frozen'); END;
CREATE TRIGGER runs_freezing BEFORE UPDATE OF state ON runs WHEN NEW.state = 'freezing' AND NOT OLD.rehearsal AND (OLD.recipients <> 0 OR OLD.state NOT IN ('announced', 'freezing', 'cancelled')) BEGIN SELECT RAISE(ABORT, 'what was begun is not frozen again'); END;
CREATE TRIGGER runs_frozen BEFORE UPDATE OF state ON runs WHEN OLD.state = 'freezing' AND NEW.state NOT IN ('announced', 'freezing', 'cancelled') AND (NEW.state <> 'running' OR NEW.recipients <> (SELECT count(*) FROM deliveries WHERE run_id = NEW.id)) BEGIN SELECT RAISE(ABORT, 'not all recipients are frozen'); END;
CREATE TRIGGER runs_finished BEFORE UPDATE OF state ON runs WHEN NEW.state = 'finished' AND EXISTS (SELECT 1 FROM deliveries WHERE run_id = NEW.id AND state IN ('queued', 'claimed', 'deferred')) BEGIN SELECT RAISE(ABORT, 'deliveries are left'); END;
CREATE TRIGGER runs_forgotten BEFORE UPDATE OF forgotten_attempts ON runs WHEN NEW.forgotten_attempts < OLD.forgotten_attempts BEGIN SELECT RAISE(ABORT, 'what was attempted stays on record'); END;
CREATE TRIGGER runs_kept BEFORE DELETE ON runs WHEN NOT OLD.rehearsal AND (OLD.state <> 'freezing' OR OLD.recipients <> 0 OR EXISTS (SELECT 1 FROM deliveries WHERE run_id = OLD.id)) BEGIN SELECT RAISE(ABORT, 'a real run stays on record'); END;
CREATE TRIGGER events_fixed BEFORE UPDATE OF id, key, kind, detail, at, sent_at, received_at, message_id, attempt, address_hash ON events WHEN 1 BEGIN SELECT RAISE(ABORT, 'what was reported stays as it was'); END;
CREATE TRIGGER events_attached BEFORE UPDATE OF delivery_id ON events WHEN OLD.delivery_id IS NOT NULL BEGIN SELECT RAISE(ABORT, 'an event belongs to one delivery'); END;
CREATE TRIGGER events_kept BEFORE DELETE ON events WHEN 1 BEGIN SELECT RAISE(ABORT, 'what was reported stays on record'); END;
CREATE TRIGGER consents_fixed BEFORE UPDATE OF id, address_hash, event, source, at, wording, wording_hash, since ON consents WHEN 1 BEGIN SELECT RAISE(ABORT, 'the consent log is only added to'); END;
CREATE TRIGGER consents_visitor BEFORE UPDATE OF ip, agent ON consents WHEN NEW.ip NOT IN ('', OLD.ip) OR NEW.agent NOT IN ('', OLD.agent) BEGIN SELECT RAISE(ABORT, 'what is known of a visitor is only ever forgotten'); END;
CREATE TRIGGER consents_kept BEFORE DELETE ON consents WHEN 1 BEGIN SELECT RAISE(ABORT, 'the consent log is only added to'); END;
CREATE TRIGGER letters_arrow BEFORE UPDATE OF state ON letters WHEN OLD.state || '>' || NEW.state NOT IN ('queued>claimed', 'queued>dropped', 'claimed>queued', 'claimed>accepted', 'claimed>refused', 'claimed>unknown') BEGIN SELECT RAISE(ABORT, 'no such way from state to state'); END;
CREATE TRIGGER letters_attempt BEFORE UPDATE OF attempt, state ON letters WHEN NEW.attempt <> OLD.attempt + (OLD.state = 'queued' AND NEW.state = 'claimed') BEGIN SELECT RAISE(ABORT, 'an attempt is counted by its claim, one by one'); END;
CREATE TRIGGER links_fixed BEFORE UPDATE ON links WHEN 1 BEGIN SELECT RAISE(ABORT, 'where a link leads is frozen'); END;
CREATE TRIGGER links_kept BEFORE DELETE ON links WHEN EXISTS (SELECT 1 FROM runs WHERE issue = OLD.issue AND NOT rehearsal AND recipients <> 0) BEGIN SELECT RAISE(ABORT, 'where a link leads is frozen'); END;
CREATE TRIGGER rating_labels_fixed BEFORE UPDATE ON rating_labels WHEN 1 BEGIN SELECT RAISE(ABORT, 'what readers chose is frozen'); END;
CREATE TRIGGER rating_labels_kept BEFORE DELETE ON rating_labels WHEN EXISTS (SELECT 1 FROM runs WHERE issue = OLD.issue AND NOT rehearsal AND recipients <> 0) BEGIN SELECT RAISE(ABORT, 'what readers chose is frozen'); END;
CREATE TRIGGER occurrences_fixed BEFORE UPDATE ON occurrences WHEN 1 BEGIN SELECT RAISE(ABORT, 'a date is used up once'); END;
CREATE TRIGGER occurrences_kept BEFORE DELETE ON occurrences WHEN OLD.state = 'taken' AND NOT OLD.rehearsal BEGIN SELECT RAISE(ABORT, 'a date is used up once'); END;
CREATE TRIGGER identity_fixed BEFORE UPDATE ON identity WHEN 1 BEGIN SELECT RAISE(ABORT, 'the id of a store never changes'); END;
CREATE TRIGGER identity_kept BEFORE DELETE ON identity WHEN 1 BEGIN SELECT RAISE(ABORT, 'the id of a store never changes'); END;
CREATE TRIGGER identity_one BEFORE INSERT ON identity WHEN 1 BEGIN SELECT RAISE(ABORT, 'a store has one id'); END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('deliveries',8);
INSERT INTO "sqlite_sequence" VALUES('runs',6);
INSERT INTO "sqlite_sequence" VALUES('subscribers',3);
COMMIT;
