// The memory of this service: the answers of its commands, and the keys whose charge was undone.
//
// It is a file of lines, which one process writes. A service of several processes keeps the same two tables in its database.
"use strict";

const fs = require("node:fs");

// Reads what an earlier process wrote. A line that a kill cut short was answered to nobody: it is cut off.
function openJournal(path) {
  const file = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600);
  const text = fs.readFileSync(file, "utf8");
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  let end = Buffer.byteLength(whole);
  fs.ftruncateSync(file, end);
  const answers = new Map();
  const undone = new Set();

  function keep({ id, undone: key, ...answer }) {
    if (key) undone.add(key);
    else answers.set(id, answer);
  }

  // Returns when the entry is on the disk.
  function write(entry) {
    end += fs.writeSync(file, JSON.stringify(entry) + "\n", end);
    fs.fsyncSync(file);
    keep(entry);
  }

  whole.split("\n").filter(Boolean).forEach((line) => keep(JSON.parse(line)));
  return { answers, undone, write };
}

module.exports = { openJournal };
