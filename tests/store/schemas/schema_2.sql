BEGIN TRANSACTION;
CREATE TABLE decisions (
	id VARCHAR(36) NOT NULL, 
	use_case VARCHAR(100) NOT NULL, 
	version VARCHAR(64) NOT NULL, 
	stage VARCHAR(50) NOT NULL, 
	client VARCHAR(100) NOT NULL, 
	subject VARCHAR(200), 
	status VARCHAR(20) NOT NULL, 
	outcome VARCHAR(100), 
	request TEXT NOT NULL, 
	decision TEXT, 
	degraded TEXT NOT NULL, 
	failure TEXT, 
	timings TEXT NOT NULL, 
	duration_ms FLOAT NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "decisions" VALUES('019aa5d0-0f3a-7c4e-9a3c-6d2f8f2f5b11','refund_check','0123456789abcdef','local','local','회원-1','decided','pay','{"user_id":"회원-1","note":"환불해 주세요"}','{"outcome":"pay"}','[]',NULL,'{"a":[0.1,0.2]}',1.5,'2026-11-21 09:30:15.123456');
INSERT INTO "decisions" VALUES('019aa5d0-1b7e-7d55-8f41-2c8e3a9d7e02','refund_check','0123456789abcdef','local','local',NULL,'failed',NULL,'{"user_id":"회원-1","note":"환불해 주세요"}',NULL,'[]','{"step":"stock"}','{"a":[0.1,0.2]}',1.5,'2026-11-21 09:30:15.123456');
CREATE TABLE model_versions (
	capability VARCHAR(20) NOT NULL, 
	provider VARCHAR(100) NOT NULL, 
	asked VARCHAR(100) NOT NULL, 
	number INTEGER NOT NULL, 
	model VARCHAR(200) NOT NULL, 
	version VARCHAR(100) NOT NULL, 
	previous VARCHAR(310), 
	seen_at DATETIME NOT NULL, 
	decision_id VARCHAR(36) NOT NULL, 
	PRIMARY KEY (capability, provider, asked, number)
);
INSERT INTO "model_versions" VALUES('text','http','',1,'m','1',NULL,'2026-11-21 09:30:15.000000','019aa5d0-0f3a-7c4e-9a3c-6d2f8f2f5b11');
CREATE TABLE paid_answers (
	"key" VARCHAR(64) NOT NULL, 
	decision_id VARCHAR(36) NOT NULL, 
	model VARCHAR(200) NOT NULL, 
	version VARCHAR(100) NOT NULL, 
	units FLOAT NOT NULL, 
	result TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY ("key", decision_id), 
	FOREIGN KEY(decision_id) REFERENCES decisions (id) ON DELETE CASCADE
);
INSERT INTO "paid_answers" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','019aa5d0-0f3a-7c4e-9a3c-6d2f8f2f5b11','m','1',1.0,'{"글":1}','2026-11-21 09:30:15.000000');
CREATE TABLE task_results (
	decision_id VARCHAR(36) NOT NULL, 
	task VARCHAR(100) NOT NULL, 
	fact_key VARCHAR(64) NOT NULL, 
	provider VARCHAR(100), 
	model VARCHAR(200), 
	model_version VARCHAR(100), 
	calls TEXT NOT NULL, 
	output TEXT, 
	error TEXT, 
	fallback_used BOOLEAN NOT NULL, 
	started_ms FLOAT NOT NULL, 
	duration_ms FLOAT NOT NULL, 
	PRIMARY KEY (decision_id, task), 
	FOREIGN KEY(decision_id) REFERENCES decisions (id) ON DELETE CASCADE
);
INSERT INTO "task_results" VALUES('019aa5d0-0f3a-7c4e-9a3c-6d2f8f2f5b11','stock','ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff','http','m','1','[]','{"text":"사실"}',NULL,0,0.1,0.5);
INSERT INTO "task_results" VALUES('019aa5d0-1b7e-7d55-8f41-2c8e3a9d7e02','stock','ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff','http','m','1','[]',NULL,'{"type":"timeout"}',0,0.1,0.5);
CREATE INDEX ix_decisions_use_case_created ON decisions (use_case, created_at);
CREATE INDEX ix_decisions_subject_created ON decisions (subject, created_at);
CREATE INDEX ix_paid_answers_decision ON paid_answers (decision_id);
PRAGMA user_version = 2;
COMMIT;
