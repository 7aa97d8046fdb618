import { LiveSocket } from "/live/socket.js";

const at = (id) => document.getElementById(id);
const main = document.querySelector("main");
const pipelines = at("pipelines");
let socket = null;
let execution = null; // { id, jobs: Map, log: { topic, lines: Map } }

async function api(path, options = {}) {
  const response = await fetch(`/api/v1${path}`, { credentials: "same-origin", ...options });
  return response;
}

async function start() {
  const me = await api("/users/me");
  at("login").hidden = me.ok;
  main.hidden = !me.ok;
  if (!me.ok) return;
  const statuses = await (await api("/pipelines/status?limit=100")).json();
  pipelines.replaceChildren(new Option("Choose a pipeline", ""));
  for (const one of statuses.items) pipelines.add(new Option(one.name, one.id));
  socket = new LiveSocket((state) => {
    at("connection").dataset.state = state;
    at("connection").textContent = state === "open" ? "connected" : "not connected";
  });
  const wanted = new URLSearchParams(location.hash.slice(1));
  if (wanted.has("execution")) showExecution(wanted.get("execution"));
  else if (wanted.has("pipeline")) showPipeline(wanted.get("pipeline"));
}

function showPipeline(id) {
  for (const topic of socket.topics.keys()) socket.leave(topic);
  pipelines.value = id;
  if (!id) return;
  location.hash = `pipeline=${id}`;
  socket.watch(`pipeline:${id}`, (frame) => {
    if (frame.type === "pipeline.snapshot" && frame.data.last_execution) {
      showExecution(frame.data.last_execution.id);
    } else if (frame.type === "execution.changed" && frame.data.execution_id !== execution?.id) {
      showExecution(frame.data.execution_id);
    }
  });
}

function showExecution(id) {
  if (execution?.id === id) return;
  if (execution) socket.leave(`execution:${execution.id}`);
  if (execution?.log) socket.leave(execution.log.topic);
  execution = { id, jobs: new Map(), log: null };
  at("execution").hidden = false;
  at("log").textContent = "";
  socket.watch(`execution:${id}`, hearExecution);
}

function hearExecution({ type, data }) {
  if (type === "execution.snapshot") {
    at("title").textContent = `${data.title} #${data.number}`;
    setStatus(data);
    for (const job of data.jobs) execution.jobs.set(job.id, job);
    if (!execution.log && data.jobs.length > 0) showLog(data.jobs[0].id);
  } else if (type === "execution.changed") {
    setStatus(data);
  } else if (type === "job.changed") {
    execution.jobs.set(data.job_id, { ...execution.jobs.get(data.job_id), ...data, id: data.job_id });
    if (!execution.log) showLog(data.job_id);
  }
  drawJobs();
}

function setStatus({ status, reason }) {
  at("reason").textContent = reason ?? "";
  at("status").textContent = status;
  at("status").dataset.status = status;
}

function drawJobs() {
  const items = [...execution.jobs.values()].map((job) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.textContent = job.name;
    button.addEventListener("click", () => showLog(job.id));
    const status = document.createElement("b");
    status.textContent = ` ${job.status}`;
    status.dataset.status = job.status;
    item.append(button, status);
    return item;
  });
  at("jobs").replaceChildren(...items);
}

function showLog(jobId) {
  if (execution.log) socket.leave(execution.log.topic);
  const log = { topic: `job:${jobId}:log`, last: new Map() };
  execution.log = log;
  at("log").textContent = "";
  socket.watch(log.topic, ({ type, data }) => {
    if (type === "log.lines") showLines(log, data);
  });
}

function showLines(log, data) {
  const lines = data.text.split("\n").slice(0, -1);
  const last = log.last.get(data.step_id) ?? 0;
  const fresh = lines.slice(Math.max(0, last + 1 - data.first_line));
  if (fresh.length === 0) return;
  log.last.set(data.step_id, data.first_line + lines.length - 1);
  const pre = at("log");
  const follows = pre.scrollTop + pre.clientHeight >= pre.scrollHeight - 5;
  pre.append(`${fresh.join("\n")}\n`);
  if (follows) pre.scrollTop = pre.scrollHeight;
}

pipelines.addEventListener("change", () => showPipeline(pipelines.value));
at("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = JSON.stringify(Object.fromEntries(new FormData(event.target)));
  const headers = { "Content-Type": "application/json" };
  const response = await api("/auth/login", { method: "POST", headers, body });
  at("login-error").textContent = response.ok ? "" : (await response.json()).detail;
  if (response.ok) start();
});
start();
