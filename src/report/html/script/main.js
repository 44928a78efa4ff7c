// The frame, and the order of the sections

function frame() {
  const stamp = `${data.at.slice(0, 10)} ${data.at.slice(11, 16)} UTC`;
  const what = data.mode === "plan" ? "plan, nothing changed" : `run, ${data.status.replaceAll("_", " ")}`;
  const where =
    data.registries.length > 2
      ? count(data.registries.length, "registry", "registries")
      : data.registries.join(", ");
  document.getElementById("meta").append(...[where, stamp, what].map((part) => make("span", {}, part)));
  const short = {
    storage: "Storage",
    images: "Images",
    users: "Users",
    history: "History",
    sources: "Sources",
  };
  const linked = sections.filter((id) => short[id]);
  document.getElementById("nav").append(...linked.map((id) => make("a", { href: `#${id}` }, short[id])));
  document.title = `ecr-cleanup: ${document.querySelector("h1").textContent}`;
  const about = `, ${data.at}. Sizes are decimal. This page is complete in itself and loads nothing.`;
  document
    .getElementById("foot")
    .append(make("p", {}, `ecr-cleanup ${data.version}, run `, mono(data.run_id), about));
}

headline();
attention();
storage();
imageList();
fillImages();
users();
past();
sources();
hygiene();
frame();
addEventListener("keydown", (event) => {
  const typing = event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select");
  if (event.key !== "/" || typing) return;
  event.preventDefault();
  search.focus();
});
