"use strict";
// Shows the numbers of a plot's nearest point, or what an element says of itself.
(() => {
  const tip = document.getElementById("tip");
  const spot = document.createElementNS("http://www.w3.org/2000/svg", "circle");
  spot.setAttribute("class", "spot");
  spot.setAttribute("r", "5");
  const REACH = 40;

  const hide = () => {
    tip.hidden = true;
    spot.remove();
  };

  const show = (lines, event) => {
    tip.textContent = lines.filter((line) => line).join("\n");
    tip.hidden = false;
    const { width, height } = tip.getBoundingClientRect();
    const left = Math.min(Math.max(event.clientX + 14, 4), window.innerWidth - width - 4);
    const above = event.clientY - height - 14;
    tip.style.left = `${Math.max(left, 4)}px`;
    tip.style.top = `${above > 4 ? above : event.clientY + 18}px`;
  };

  const nearest = (svg, event) => {
    const matrix = svg.getScreenCTM();
    if (!matrix) return null;
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
    let best = { distance: REACH };
    const offer = (x, y, lines) => {
      const distance = Math.hypot(x - at.x, y - at.y);
      if (distance < best.distance) best = { distance, x, y, lines };
    };
    for (const line of svg.querySelectorAll("polyline")) {
      const values = line.dataset.v.split(",");
      for (let i = 0; i < line.points.numberOfItems; i += 1) {
        const { x, y } = line.points.getItem(i);
        offer(x, y, () => {
          const numbers = (values[i] || "").split(" ");
          const names = [svg.dataset.x, svg.dataset.y, svg.dataset.z];
          return [line.dataset.name, ...numbers.map((number, nth) => number && `${names[nth]} ${number}`)];
        });
      }
    }
    for (const dot of svg.querySelectorAll("circle[data-tip]")) {
      offer(dot.cx.baseVal.value, dot.cy.baseVal.value, () => [dot.dataset.tip]);
    }
    return best.lines ? best : null;
  };

  const look = (event) => {
    if (!(event.target instanceof Element)) return hide();
    const svg = event.target.closest("svg.plot");
    if (svg) {
      const found = nearest(svg, event);
      if (!found) return hide();
      spot.setAttribute("cx", found.x);
      spot.setAttribute("cy", found.y);
      svg.append(spot);
      return show(found.lines(), event);
    }
    const told = event.target.closest("[data-tip]");
    spot.remove();
    return told ? show([told.dataset.tip], event) : hide();
  };

  document.addEventListener("pointermove", look);
  document.addEventListener("pointerdown", look);
  document.addEventListener("scroll", hide, { passive: true, capture: true });
})();
