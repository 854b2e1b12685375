// What can be said about a card number, an expiry date or a security code by looking at it: pure functions, no DOM, no network.

const BRANDS = [
  // brand, prefix, lengths, groups; the names of bluesnap/hosted-fields.md section 3
  ["AMEX", /^3[47]/, [15], [4, 6, 5]],
  ["DINERS", /^3(?:0[0-5]|09|[689])/, [14, 16, 19], [4, 6, 4]],
  ["DISCOVER", /^6(?:011|4[4-9]|5)/, [16, 17, 18, 19], [4, 4, 4, 4, 3]],
  ["JCB", /^35(?:2[89]|[3-8])/, [16, 17, 18, 19], [4, 4, 4, 4, 3]],
  ["MASTERCARD", /^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, [16], [4, 4, 4, 4]],
  ["CHINA_UNION_PAY", /^62(?!7170)/, [16, 17, 18, 19], [4, 4, 4, 4, 3]],
  ["VISA", /^4/, [13, 16, 19], [4, 4, 4, 4, 3]],
];
const OTHER = ["UNKNOWN", /^/, [12, 13, 14, 15, 16, 17, 18, 19], [4, 4, 4, 4, 3]];

const kind = (digits) => BRANDS.find(([, prefix]) => prefix.test(digits)) ?? OTHER;

export const digitsOf = (text) => text.replace(/\D/g, "");

export const brandOf = (number) => kind(digitsOf(number))[0];

/** The check digit of ISO/IEC 7812-1 (Luhn). */
export function luhn(digits) {
  let sum = 0;
  for (let i = 0; i < digits.length; i += 1) {
    const digit = Number(digits.at(-1 - i)) * (1 + (i % 2));
    sum += digit > 9 ? digit - 9 : digit;
  }
  return digits.length > 0 && sum % 10 === 0;
}

export const numberIsValid = (digits) => kind(digits)[2].includes(digits.length) && luhn(digits);

/** "4263982640269299" as "4263 9826 4026 9299", in the groups that are printed on such a card. */
export function formatNumber(text) {
  const [, , lengths, groups] = kind(digitsOf(text));
  let rest = digitsOf(text).slice(0, Math.max(...lengths));
  const parts = [];
  for (const size of groups) {
    if (rest) parts.push(rest.slice(0, size));
    rest = rest.slice(size);
  }
  return rest ? `${parts.join(" ")}${rest}` : parts.join(" ");
}

/** "0230", "2/30" or "02/2030" as "02 / 30". While something is being deleted no separator is added, or it could not be deleted. */
export function formatExpiry(text, deleting = false) {
  let digits = digitsOf(text);
  if (/^[2-9]/.test(digits) || /^1\s*\//.test(text)) digits = `0${digits}`;
  digits = /^\d\d20\d\d/.test(digits) ? digits.slice(0, 2) + digits.slice(4, 6) : digits.slice(0, /^\d\d20/.test(digits) ? 5 : 4);
  if (digits.length < 2 || (digits.length === 2 && deleting)) return digits;
  return `${digits.slice(0, 2)} / ${digits.slice(2)}`;
}

/** The text of an expiry field as "MM/YYYY", the form of the card call; null while it is not complete. */
export function expiryOf(text) {
  const digits = digitsOf(text);
  const month = Number(digits.slice(0, 2));
  return digits.length === 4 && month >= 1 && month <= 12 ? `${digits.slice(0, 2)}/20${digits.slice(2)}` : null;
}

/** A card is good to the last day of its month. */
export function expiryIsValid(text, now = new Date()) {
  const expiry = expiryOf(text);
  if (!expiry) return false;
  const [month, year] = expiry.split("/").map(Number);
  const months = year * 12 + month - (now.getFullYear() * 12 + now.getMonth() + 1);
  return months >= 0 && months <= 12 * 20;
}

export const codeLength = (brand) => (brand === "AMEX" ? [4] : brand === "UNKNOWN" ? [3, 4] : [3]);

export const codeIsValid = (digits, brand) => codeLength(brand).includes(digits.length);
