import { LiveSocket } from "/live/socket.js";

const at = (id) => document.getElementById(id);
const main = document.querySelector("main");
const pipelines = at("pipelines");
const MOST_LINES = 5000; // shown; the whole log is a link away
let socket = null;
let execution = null; // { id, jobs: Map, items: Map, log: { topic, last: Map, chunks: [], lines } }

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
  socket ??= new LiveSocket((state) => {
    at("connection").dataset.state = state;
    at("connection").textContent = state === "open" ? "connected" : "not connected";
    if (state === "ended") leave();
  });
  showWanted();
}

function leave() {
  socket = execution = null;
  at("execution").hidden = true;
  start();
}

function showWanted() {
  if (!socket) return;
  const wanted = new URLSearchParams(location.hash.slice(1));
  if (wanted.has("execution")) showExecution(wanted.get("execution"));
  else if (wanted.has("pipeline")) showPipeline(wanted.get("pipeline"));
}

function showPipeline(id) {
  for (const topic of socket.topics.keys()) socket.leave(topic);
  execution = null;
  pipelines.value = id;
  if (!id) return;
  history.replaceState(null, "", `#pipeline=${id}`);
  socket.watch(`pipeline:${id}`, (frame) => {
    if (frame.type === "error") showError(frame.data);
    else if (frame.type === "pipeline.snapshot" && frame.data.last_execution) {
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
  execution = { id, jobs: new Map(), items: new Map(), log: null };
  at("execution").hidden = false;
  at("jobs").replaceChildren();
  at("approvals").replaceChildren();
  emptyLog();
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
  } else if (type === "error" || type === "revoked") {
    showError(data);
  } else if (type === "job.changed") {
    execution.jobs.set(data.job_id, { ...execution.jobs.get(data.job_id), ...data, id: data.job_id });
    if (!execution.log) showLog(data.job_id);
  }
  drawSoon();
  askForApprovals();
}

let asking = null;
function askForApprovals() {
  asking ??= setTimeout(async () => {
    asking = null;
    if (execution) await showApprovals(execution.id);
  }, 200);
}

async function showApprovals(id) {
  const waits = [...execution.jobs.values()].some((job) => job.status === "waiting");
  const isShown = at("approvals").children.length > 0;
  if (!waits && !isShown && at("status").textContent !== "waiting") return;
  const response = await api(`/executions/${id}/approvals`);
  const found = response.ok ? await response.json() : [];
  if (execution?.id !== id) return;
  const open = found.filter((one) => one.state === "open" && one.required > 0);
  const shown = new Map([...at("approvals").children].map((item) => [item.dataset.id, item]));
  at("approvals").replaceChildren(...open.map((one) => shown.get(one.id) ?? approvalItem(one)));
}

function approvalItem(approval) {
  const item = document.createElement("li");
  item.dataset.id = approval.id;
  const what = approval.kind === "fork"
    ? `Run ${approval.sha?.slice(0, 12) ?? ""}, a pull request from a fork by ${approval.actor}?`
    : `Let ${approval.job_name} deploy to ${approval.environment}?`;
  const comment = document.createElement("input");
  comment.maxLength = 1000;
  const label = document.createElement("label");
  label.append("Comment ", comment);
  const error = document.createElement("p");
  error.setAttribute("role", "alert");
  const buttons = ["approve", "reject"].map((decision) => {
    const button = document.createElement("button");
    button.textContent = decision === "approve" ? "Approve" : "Reject";
    button.addEventListener("click", async () => {
      const body = JSON.stringify({ decision, comment: comment.value });
      const headers = { "Content-Type": "application/json" };
      const response = await api(`/approvals/${approval.id}/vote`, { method: "POST", headers, body });
      error.textContent = response.ok ? "" : (await response.json()).detail;
      askForApprovals();
    });
    return button;
  });
  item.append(`${what} `, label, ...buttons, error);
  return item;
}

function showError({ detail }) {
  at("execution").hidden = false;
  at("title").textContent = detail;
  setStatus({ status: "", reason: "" });
}

function setStatus({ status, reason }) {
  at("reason").textContent = reason ?? "";
  at("status").textContent = status;
  at("status").dataset.status = status;
}

let drawing = false;
function drawSoon() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    if (execution) drawJobs();
  });
}

// Items stay, so that the keyboard's focus does.
function drawJobs() {
  for (const job of execution.jobs.values()) {
    let item = execution.items.get(job.id);
    if (!item) {
      item = document.createElement("li");
      const button = document.createElement("button");
      button.addEventListener("click", () => showLog(job.id));
      item.append(button, document.createElement("b"));
      execution.items.set(job.id, item);
      at("jobs").append(item);
    }
    const [button, status] = item.children;
    button.setAttribute("aria-pressed", execution.log?.topic === `job:${job.id}:log`);
    if (button.textContent !== job.name) button.textContent = job.name;
    if (status.dataset.status === job.status) continue;
    status.textContent = ` ${job.status}`;
    status.dataset.status = job.status;
  }
}

function emptyLog() {
  at("log").replaceChildren();
  at("older").hidden = true;
}

function showLog(jobId) {
  if (execution.log) socket.leave(execution.log.topic);
  const log = { topic: `job:${jobId}:log`, last: new Map(), chunks: [], lines: 0 };
  execution.log = log;
  emptyLog();
  at("whole").href = `/api/v1/jobs/${jobId}/logs.txt`;
  drawSoon();
  socket.watch(log.topic, ({ type, data }) => {
    if (type === "log.lines") showLines(log, data);
    else if (type === "error") at("log").textContent = data.detail;
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
  const node = document.createTextNode(`${fresh.join("\n")}\n`);
  pre.append(node);
  log.chunks.push({ node, lines: fresh.length });
  log.lines += fresh.length;
  while (log.lines > MOST_LINES && log.chunks.length > 1) {
    const oldest = log.chunks.shift();
    oldest.node.remove();
    log.lines -= oldest.lines;
    at("older").hidden = false;
  }
  if (follows) pre.scrollTop = pre.scrollHeight;
}

addEventListener("hashchange", showWanted);
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
