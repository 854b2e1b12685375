// Money and days as the pages write them.
const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "long" });

/** { amount: "87.00", currency: "USD" } as "$87.00". */
export const money = ({ amount, currency }) => new Intl.NumberFormat("en-US", { style: "currency", currency }).format(Number(amount));

/** "2027-01-31" is that day anywhere; a moment in time is shown as the day it falls on here. */
export function dayOf(text) {
  const parts = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  return day.format(parts ? new Date(parts[1], parts[2] - 1, parts[3]) : new Date(text));
}

export const people = (members) => (members === 1 ? "1 member" : `${members} members`);
