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
INSERT INTO "artifacts" VALUES('sales','scheduled__2024-01-01T00:00:00+00:00','load',-1,1,'tidy','artifacts/ab/cd.json','json','abababababababababababababababababababababababababababababababab',7);
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
INSERT INTO "attempts" VALUES(1,'sales','scheduled__2024-01-01T00:00:00+00:00','load',-1,1,'token','success','2024-01-03T00:00:00.000000+00:00','2024-01-03T00:00:00.000000+00:00','2024-01-03T00:00:01.000000+00:00','{"kind":"succeeded","branch":null,"stopped_early":false}','runs/sales/scheduled__2024-01-01T000000+0000/load/1.ipynb','runs/sales/scheduled__2024-01-01T000000+0000/load/1.log',4242,'forked','460176ec21c967c81c4baf4d194da7d1a3bd08c5b7bc321aa863223774357643');
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
INSERT INTO "backfills" VALUES(1,'sales','2024-01-03T00:00:00.000000+00:00','2024-01-04T00:00:00.000000+00:00','missing',2,0,0,'{}','queued','2024-01-04T00:00:00.000000+00:00',NULL);
CREATE TABLE events (
	seq INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	flow_id TEXT, 
	run_id TEXT, 
	data TEXT NOT NULL, 
	CONSTRAINT pk_events PRIMARY KEY (seq)
);
INSERT INTO "events" VALUES(1,'flow_registered','2024-01-01T00:00:00.000000+00:00','sales',NULL,'{"version":"5720f0d6c148ef063766d52637e9d14c5ea5cb4aa496defe1dd0bd20f05128ad"}');
INSERT INTO "events" VALUES(2,'flow_registered','2024-01-02T00:00:00.000000+00:00','sales',NULL,'{"version":"460176ec21c967c81c4baf4d194da7d1a3bd08c5b7bc321aa863223774357643"}');
INSERT INTO "events" VALUES(3,'flow_paused','2024-01-02T00:00:00.000000+00:00','sales',NULL,'{"paused":true}');
INSERT INTO "events" VALUES(4,'run_created','2024-01-03T00:00:00.000000+00:00','sales','scheduled__2024-01-01T00:00:00+00:00','{"run_type":"scheduled","state":"queued"}');
INSERT INTO "events" VALUES(5,'run_created','2024-01-03T00:00:00.000000+00:00','sales','scheduled__2024-01-02T00:00:00+00:00','{"run_type":"scheduled","state":"queued"}');
INSERT INTO "events" VALUES(6,'task_run_moved','2024-01-03T00:00:00.000000+00:00','sales','scheduled__2024-01-01T00:00:00+00:00','{"task_id":"load","map_index":-1,"state":"running","try_number":1,"reason":""}');
INSERT INTO "events" VALUES(7,'task_run_moved','2024-01-03T00:00:00.000000+00:00','sales','scheduled__2024-01-01T00:00:00+00:00','{"task_id":"load","map_index":-1,"state":"success","try_number":1,"reason":""}');
INSERT INTO "events" VALUES(8,'backfill_moved','2024-01-04T00:00:00.000000+00:00','sales',NULL,'{"backfill_id":1,"state":"queued","paused":false}');
INSERT INTO "events" VALUES(9,'run_created','2024-01-04T00:00:00.000000+00:00','sales','backfill__2024-01-03T00:00:00+00:00','{"run_type":"backfill","state":"queued"}');
INSERT INTO "events" VALUES(10,'run_created','2024-01-04T00:00:00.000000+00:00','sales','backfill__2024-01-04T00:00:00+00:00','{"run_type":"backfill","state":"queued"}');
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
INSERT INTO "flow_versions" VALUES('sales','5720f0d6c148ef063766d52637e9d14c5ea5cb4aa496defe1dd0bd20f05128ad',1,'2024-01-01T00:00:00.000000+00:00','{"id":"sales","schedule":"@daily","timezone":"UTC","start":"2024-01-01T00:00:00+00:00","end":null,"catchup":false,"tasks":[{"id":"load","kind":"cell","source":"x = 1","line":"","path":null,"notebook":null,"inputs":[],"outputs":[],"params":{},"contract":[],"retry":{"retries":0,"delay":300.0,"backoff":1.0,"max_delay":null},"timeout":null,"trigger_rule":"all_success","depends_on_past":false,"wait_for_downstream":false,"idempotent":true,"pool":"default_pool","pool_slots":1,"priority":1,"kernel":null,"cwd":null,"executor":null,"group":null,"owner":null,"doc":"","map_over":{},"options":{},"place":{"notebook":null,"cell_id":null,"cell":null,"line":null}}],"edges":[],"setup":[],"params":[],"max_active_runs":16,"max_active_tasks":16,"run_timeout":null,"fail_fast":false,"tags":[],"owner":null,"doc":"","kernel":null,"path":null}');
INSERT INTO "flow_versions" VALUES('sales','460176ec21c967c81c4baf4d194da7d1a3bd08c5b7bc321aa863223774357643',2,'2024-01-02T00:00:00.000000+00:00','{"id":"sales","schedule":"@daily","timezone":"UTC","start":"2024-01-01T00:00:00+00:00","end":null,"catchup":false,"tasks":[{"id":"load","kind":"cell","source":"tidy = [1]","line":"","path":null,"notebook":null,"inputs":[],"outputs":["tidy"],"params":{},"contract":[],"retry":{"retries":2,"delay":300.0,"backoff":1.0,"max_delay":null},"timeout":null,"trigger_rule":"all_success","depends_on_past":false,"wait_for_downstream":false,"idempotent":true,"pool":"default_pool","pool_slots":1,"priority":1,"kernel":null,"cwd":null,"executor":null,"group":null,"owner":null,"doc":"","map_over":{},"options":{},"place":{"notebook":null,"cell_id":null,"cell":null,"line":null}},{"id":"report","kind":"cell","source":"len(tidy)","line":"","path":null,"notebook":null,"inputs":[{"name":"tidy","upstream":"load"}],"outputs":[],"params":{},"contract":[],"retry":{"retries":0,"delay":300.0,"backoff":1.0,"max_delay":null},"timeout":null,"trigger_rule":"all_success","depends_on_past":false,"wait_for_downstream":false,"idempotent":true,"pool":"default_pool","pool_slots":1,"priority":1,"kernel":null,"cwd":null,"executor":null,"group":null,"owner":null,"doc":"","map_over":{},"options":{},"place":{"notebook":null,"cell_id":null,"cell":null,"line":null}}],"edges":[{"upstream":"load","downstream":"report","kind":"inferred","names":["tidy"],"why":"report reads tidy"}],"setup":[],"params":[],"max_active_runs":16,"max_active_tasks":16,"run_timeout":null,"fail_fast":false,"tags":[],"owner":null,"doc":"","kernel":null,"path":"sales.ipynb"}');
CREATE TABLE flows (
	flow_id TEXT NOT NULL, 
	version TEXT NOT NULL, 
	paused BOOLEAN NOT NULL, 
	registered_at VARCHAR(32) NOT NULL, 
	CONSTRAINT pk_flows PRIMARY KEY (flow_id)
);
INSERT INTO "flows" VALUES('sales','460176ec21c967c81c4baf4d194da7d1a3bd08c5b7bc321aa863223774357643',1,'2024-01-02T00:00:00.000000+00:00');
CREATE TABLE head (
	id INTEGER NOT NULL, 
	seq BIGINT NOT NULL, 
	writes BIGINT NOT NULL, 
	CONSTRAINT pk_head PRIMARY KEY (id)
);
INSERT INTO "head" VALUES(1,10,11);
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
INSERT INTO "intents" VALUES(1,'clear','sales','scheduled__2024-01-01T00:00:00+00:00','{"tasks":["load"],"downstream":true}','2024-01-03T00:00:00.000000+00:00','2024-01-04T00:00:00.000000+00:00','cleared 1 task');
INSERT INTO "intents" VALUES(2,'clear','sales','scheduled__2024-01-01T00:00:00+00:00','{"tasks":null,"backfill_id":1}','2024-01-04T00:00:00.000000+00:00',NULL,'');
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
INSERT INTO "lease" VALUES(1,'owner-1','{"id":"owner-1","host":"host","boot_id":"boot","pid":42,"pid_started":1234.5,"label":"scheduler"}',1,1);
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
INSERT INTO "runs" VALUES('sales','scheduled__2024-01-01T00:00:00+00:00','scheduled','2024-01-01T00:00:00.000000+00:00','2024-01-01T00:00:00.000000+00:00','2024-01-02T00:00:00.000000+00:00','2024-01-02T00:00:00.000000+00:00','460176ec21c967c81c4baf4d194da7d1a3bd08c5b7bc321aa863223774357643','success','{"city":"Z\u00fcrich"}',NULL,'2024-01-03T00:00:00.000000+00:00','2024-01-03T00:00:01.500000+00:00',NULL,NULL,0,'');
INSERT INTO "runs" VALUES('sales','scheduled__2024-01-02T00:00:00+00:00','scheduled','2024-01-02T00:00:00.000000+00:00','2024-01-02T00:00:00.000000+00:00','2024-01-03T00:00:00.000000+00:00','2024-01-03T00:00:00.000000+00:00','460176ec21c967c81c4baf4d194da7d1a3bd08c5b7bc321aa863223774357643','running','{}',NULL,'2024-01-03T00:00:00.000000+00:00',NULL,NULL,NULL,0,'');
INSERT INTO "runs" VALUES('sales','backfill__2024-01-03T00:00:00+00:00','backfill','2024-01-03T00:00:00.000000+00:00','2024-01-03T00:00:00.000000+00:00','2024-01-04T00:00:00.000000+00:00','2024-01-04T00:00:00.000000+00:00','460176ec21c967c81c4baf4d194da7d1a3bd08c5b7bc321aa863223774357643','queued','{}',NULL,NULL,NULL,1,2,0,'');
INSERT INTO "runs" VALUES('sales','backfill__2024-01-04T00:00:00+00:00','backfill','2024-01-04T00:00:00.000000+00:00','2024-01-04T00:00:00.000000+00:00','2024-01-05T00:00:00.000000+00:00','2024-01-05T00:00:00.000000+00:00','460176ec21c967c81c4baf4d194da7d1a3bd08c5b7bc321aa863223774357643','queued','{}',NULL,NULL,NULL,1,3,0,'');
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
INSERT INTO "task_runs" VALUES('sales','scheduled__2024-01-01T00:00:00+00:00','load',-1,'success',1,3,'2024-01-03T00:00:00.000000+00:00','2024-01-03T00:00:01.000000+00:00',NULL,NULL,'');
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
INSERT INTO "sqlite_sequence" VALUES('intents',2);
INSERT INTO "sqlite_sequence" VALUES('backfills',1);
COMMIT;
