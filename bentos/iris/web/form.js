"use strict";

const form = document.getElementById("flower");
const answer = document.getElementById("answer");
const problem = document.getElementById("problem");
const table = document.getElementById("probabilities");
const fields = Array.from(form.querySelectorAll("input"));

function labelOf(name) {
  const label = form.querySelector(`label[for="${CSS.escape(name)}"]`);
  return label ? label.textContent : name;
}

// The API's own words for each field that it refused, as text: nothing of an answer becomes markup.
function explain(status, body) {
  if (body && Array.isArray(body.detail)) {
    return body.detail.map((entry) => {
      const name = String(entry.loc[entry.loc.length - 1]);
      const input = fields.find((field) => field.name === name);
      if (input) input.setAttribute("aria-invalid", "true");
      return `${labelOf(name)}: ${entry.msg}`;
    }).join("\n");
  }
  const words = body && (body.error || (Array.isArray(body) && body[0] && body[0].error));
  return `The model answered ${status}${words ? `: ${words}` : ""}`;
}

function clear() {
  answer.textContent = "";
  problem.textContent = "";
  table.hidden = true;
  fields.forEach((field) => field.removeAttribute("aria-invalid"));
}

function show(prediction) {
  answer.textContent = `Prediction: ${prediction.species}`;
  table.caption.textContent = `Model ${prediction.model_version}`;
  const rows = Object.entries(prediction.probabilities).map(([species, probability]) => {
    const row = document.createElement("tr");
    for (const text of [species, `${(100 * probability).toFixed(1)} %`]) {
      const cell = document.createElement("td");
      cell.textContent = text;
      row.append(cell);
    }
    return row;
  });
  table.tBodies[0].replaceChildren(...rows);
  table.hidden = false;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  clear();
  const flower = {};
  for (const field of fields) {
    // An empty field is left out, so that the API says that it is missing.
    if (field.value !== "") flower[field.name] = Number(field.value);
  }
  try {
    const response = await fetch("predict", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(flower),
    });
    const body = await response.json().catch(() => null);
    if (response.ok && Array.isArray(body)) show(body[0]);
    else problem.textContent = explain(response.status, body);
  } catch (error) {
    problem.textContent = `No answer from the model: ${error.message}`;
  }
});
