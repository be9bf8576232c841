// Peer: real PouchDB replicating documents to express-pouchdb, both on LevelDB on this disk.
//
//   node pouchdb.js receive FOLDER                  prints its port
//   node pouchdb.js send PORT FOLDER BATCH          documents as lines on stdin; prints JSON
//
// The packages are found through NODE_PATH. Writing the documents into the sender's own
// database is not counted: only the replication is.
"use strict";

const path = require("node:path");
const readline = require("node:readline");
const PouchDB = require("pouchdb");

async function receive(folder) {
  const express = require("express");
  const Stored = PouchDB.defaults({ prefix: folder + path.sep });
  const app = express();
  app.use("/", require("express-pouchdb")(Stored, { inMemoryConfig: true, logPath: path.join(folder, "log") }));
  const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
}

async function send(port, folder, batch) {
  const local = new PouchDB(path.join(folder, "shop"));
  let bytes = 0;
  let documents = [];
  for await (const line of readline.createInterface({ input: process.stdin })) {
    bytes += Buffer.byteLength(line);
    documents.push(JSON.parse(line));
    if (documents.length === 1000) {
      await local.bulkDocs(documents);
      documents = [];
    }
  }
  await local.bulkDocs(documents);
  const remote = new PouchDB(`http://127.0.0.1:${port}/office`);
  await remote.info();
  const begun = process.hrtime.bigint();
  const before = process.cpuUsage();
  const options = batch ? { batch_size: batch } : {};
  const outcome = await local.replicate.to(remote, options);
  const wall = Number(process.hrtime.bigint() - begun) / 1e9;
  const used = process.cpuUsage(before);
  console.log(
    JSON.stringify({
      wall_s: wall,
      bytes,
      documents: outcome.docs_written,
      cpu_s: (used.user + used.system) / 1e6,
    }),
  );
}

const [, , what, first, second, third] = process.argv;
(what === "receive" ? receive(first) : send(first, second, Number(third))).catch((error) => {
  console.error(error);
  process.exit(1);
});
