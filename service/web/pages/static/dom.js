// Elements from names, attributes and children; text is always text, never markup.
const SVG = "http://www.w3.org/2000/svg";

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) if (value !== null) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export const element = (name, attributes = {}, ...children) =>
  filled(document.createElement(name), attributes, children);
export const drawn = (name, attributes = {}, ...children) =>
  filled(document.createElementNS(SVG, name), attributes, children);
export const byId = (id) => document.getElementById(id);
