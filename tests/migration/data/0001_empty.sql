BEGIN TRANSACTION;
CREATE TABLE artifacts (
	flow_id TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	task_id TEXT NOT NULL, 
	map_index INTEGER NOT NULL, 
	try_number INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	path TEXT NOT NULL, 
	format TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	size BIGINT NOT NULL, 
	CONSTRAINT pk_artifacts PRIMARY KEY (flow_id, run_id, task_id, map_index, try_number, name), 
	CONSTRAINT fk_artifacts_attempts FOREIGN KEY(flow_id, run_id, task_id, map_index, try_number) REFERENCES attempts (flow_id, run_id, task_id, map_index, try_number)
);
CREATE TABLE attempts (
	id INTEGER NOT NULL, 
	flow_id TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	task_id TEXT NOT NULL, 
	map_index INTEGER NOT NULL, 
	try_number INTEGER NOT NULL, 
	token TEXT NOT NULL, 
	state TEXT NOT NULL, 
	queued_at VARCHAR(32), 
	start_date VARCHAR(32), 
	end_date VARCHAR(32), 
	outcome TEXT, 
	notebook TEXT, 
	log TEXT, 
	pid BIGINT, 
	how TEXT NOT NULL, 
	version TEXT NOT NULL, 
	CONSTRAINT pk_attempts PRIMARY KEY (id), 
	CONSTRAINT fk_attempts_runs FOREIGN KEY(flow_id, run_id) REFERENCES runs (flow_id, run_id), 
	CONSTRAINT uq_attempts_flow_id_run_id_task_id_map_index_try_number UNIQUE (flow_id, run_id, task_id, map_index, try_number)
);
CREATE TABLE backfills (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	flow_id TEXT NOT NULL, 
	range_start VARCHAR(32) NOT NULL, 
	range_end VARCHAR(32) NOT NULL, 
	reprocess TEXT NOT NULL, 
	parallel INTEGER NOT NULL, 
	reverse BOOLEAN NOT NULL, 
	paused BOOLEAN NOT NULL, 
	params TEXT NOT NULL, 
	state TEXT NOT NULL, 
	created_at VARCHAR(32) NOT NULL, 
	completed_at VARCHAR(32), 
	CONSTRAINT fk_backfills_flows FOREIGN KEY(flow_id) REFERENCES flows (flow_id)
);
CREATE TABLE events (
	seq INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	flow_id TEXT, 
	run_id TEXT, 
	data TEXT NOT NULL, 
	CONSTRAINT pk_events PRIMARY KEY (seq)
);
CREATE TABLE flow_versions (
	flow_id TEXT NOT NULL, 
	version TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	created_at VARCHAR(32) NOT NULL, 
	flow TEXT NOT NULL, 
	CONSTRAINT pk_flow_versions PRIMARY KEY (flow_id, version), 
	CONSTRAINT fk_flow_versions_flows FOREIGN KEY(flow_id) REFERENCES flows (flow_id), 
	CONSTRAINT uq_flow_versions_flow_id_number UNIQUE (flow_id, number)
);
CREATE TABLE flows (
	flow_id TEXT NOT NULL, 
	version TEXT NOT NULL, 
	paused BOOLEAN NOT NULL, 
	registered_at VARCHAR(32) NOT NULL, 
	CONSTRAINT pk_flows PRIMARY KEY (flow_id)
);
CREATE TABLE head (
	id INTEGER NOT NULL, 
	seq BIGINT NOT NULL, 
	writes BIGINT NOT NULL, 
	CONSTRAINT pk_head PRIMARY KEY (id)
);
INSERT INTO "head" VALUES(1,0,0);
CREATE TABLE intents (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	kind TEXT NOT NULL, 
	flow_id TEXT NOT NULL, 
	run_id TEXT, 
	data TEXT NOT NULL, 
	created_at VARCHAR(32) NOT NULL, 
	done_at VARCHAR(32), 
	result TEXT NOT NULL
);
CREATE TABLE jupyter_flows_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT jupyter_flows_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "jupyter_flows_version" VALUES('0001');
CREATE TABLE lease (
	id INTEGER NOT NULL, 
	owner_id TEXT, 
	owner TEXT, 
	epoch INTEGER NOT NULL, 
	beat INTEGER NOT NULL, 
	CONSTRAINT pk_lease PRIMARY KEY (id)
);
INSERT INTO "lease" VALUES(1,NULL,NULL,0,0);
CREATE TABLE runs (
	flow_id TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	run_type TEXT NOT NULL, 
	logical_date VARCHAR(32) NOT NULL, 
	interval_start VARCHAR(32) NOT NULL, 
	interval_end VARCHAR(32) NOT NULL, 
	run_after VARCHAR(32) NOT NULL, 
	version TEXT NOT NULL, 
	state TEXT NOT NULL, 
	params TEXT NOT NULL, 
	queued_at VARCHAR(32), 
	start_date VARCHAR(32), 
	end_date VARCHAR(32), 
	backfill_id INTEGER, 
	ordinal INTEGER, 
	clear_number INTEGER NOT NULL, 
	reason TEXT NOT NULL, 
	CONSTRAINT pk_runs PRIMARY KEY (flow_id, run_id), 
	CONSTRAINT fk_runs_flow_versions FOREIGN KEY(flow_id, version) REFERENCES flow_versions (flow_id, version), 
	CONSTRAINT uq_runs_flow_id_logical_date UNIQUE (flow_id, logical_date)
);
CREATE TABLE task_runs (
	flow_id TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	task_id TEXT NOT NULL, 
	map_index INTEGER NOT NULL, 
	state TEXT NOT NULL, 
	try_number INTEGER NOT NULL, 
	max_tries INTEGER NOT NULL, 
	start_date VARCHAR(32), 
	end_date VARCHAR(32), 
	next_try_at VARCHAR(32), 
	branch TEXT, 
	reason TEXT NOT NULL, 
	CONSTRAINT pk_task_runs PRIMARY KEY (flow_id, run_id, task_id, map_index), 
	CONSTRAINT fk_task_runs_runs FOREIGN KEY(flow_id, run_id) REFERENCES runs (flow_id, run_id)
)
 WITHOUT ROWID

;
CREATE INDEX ix_events_run ON events (flow_id, run_id, seq);
CREATE INDEX ix_events_flow ON events (flow_id, seq);
CREATE INDEX ix_intents_pending ON intents (id) WHERE done_at IS NULL;
CREATE INDEX ix_backfills_flow ON backfills (flow_id, id);
CREATE UNIQUE INDEX uq_backfills_active ON backfills (flow_id) WHERE state IN ('queued', 'running');
CREATE INDEX ix_runs_type ON runs (flow_id, run_type, logical_date);
CREATE INDEX ix_runs_recent ON runs (logical_date, flow_id);
CREATE INDEX ix_runs_backfill ON runs (backfill_id) WHERE backfill_id IS NOT NULL;
CREATE INDEX ix_runs_active_flow ON runs (flow_id, logical_date) WHERE state IN ('queued', 'running');
CREATE INDEX ix_runs_active ON runs (logical_date, flow_id) WHERE state IN ('queued', 'running');
DELETE FROM "sqlite_sequence";
COMMIT;
