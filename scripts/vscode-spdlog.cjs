/**
 * Stands in for the native logger of the VS Code server, which would need a compiler.
 * Without it the server runs, but every output channel of an extension stays empty.
 * VS Code imports it as an ES module, so the names must be assigned to `exports` one by one.
 */
"use strict";
const { appendFileSync, closeSync, mkdirSync, openSync } = require("node:fs");
const { dirname } = require("node:path");

const levels = ["trace", "debug", "info", "warning", "error", "critical", "off"];

/** `2026-01-31 12:00:00.123`, local time, as the native logger writes it. */
function timestamp() {
  const now = new Date();
  const local = new Date(now.getTime() - now.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 23).replace("T", " ");
}

class Logger {
  constructor(file) {
    mkdirSync(dirname(file), { recursive: true });
    closeSync(openSync(file, "a"));
    this.file = file;
    this.level = 0;
    this.raw = false;
  }
  write(level, message) {
    if (level < this.level) return;
    appendFileSync(this.file, this.raw ? message : `${timestamp()} [${levels[level]}] ${message}\n`);
  }
  trace(message) {
    this.write(0, message);
  }
  debug(message) {
    this.write(1, message);
  }
  info(message) {
    this.write(2, message);
  }
  warn(message) {
    this.write(3, message);
  }
  error(message) {
    this.write(4, message);
  }
  critical(message) {
    this.write(5, message);
  }
  getLevel() {
    return this.level;
  }
  setLevel(level) {
    this.level = level;
  }
  clearFormatters() {
    this.raw = true;
  }
  setPattern() {}
  flush() {}
  drop() {}
}

exports.version = 0;
exports.setLevel = () => {};
exports.setFlushOn = () => {};
exports.shutdown = () => {};
exports.Logger = Logger;
exports.createRotatingLogger = async (_name, file) => new Logger(file);
exports.createAsyncRotatingLogger = async (_name, file) => new Logger(file);
