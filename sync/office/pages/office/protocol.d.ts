// What head office answers, as far as this page reads it. Amounts are integers of the smallest
// unit, quantities thousandths, times ms since 1970 UTC.

/** What took how much off a line. */
export interface ReductionView {
  source: string;
  id: string;
  name: string;
  amount_minor: number;
  approver: string;
}

/** What a line carries beside its article; what it does not carry is left out. */
export interface DetailsView {
  serial?: string;
  lot?: string;
  expires?: string;
  tare_g?: number;
  minimum_age?: number;
  open_price?: boolean;
  deposit?: boolean;
  deposit_of?: string;
  note?: string;
  reason?: string;
  approver?: string;
  override_reason?: string;
  override_approver?: string;
  void_reason?: string;
  original_sale?: string;
  sold_in?: string;
}

export interface LineView {
  line_id: string;
  sku: string;
  name: string;
  quantity: number;
  unit: string;
  price_minor: number;
  amount_minor: number;
  voided: boolean;
  listed_minor: number;
  reductions: ReductionView[];
  returned: boolean;
  returned_from: string;
  overridden: boolean;
  details: DetailsView;
}

export interface TenderView {
  tender_id: string;
  kind: string;
  amount_minor: number;
  state: string;
  last4: string;
  scheme: string;
  approver: string;
}

export interface TaxView {
  tax: string;
  rate_ppm: number;
  net_minor: number;
  tax_minor: number;
  gross_minor: number;
}

/** A completed sale; `arrival` is its place in the order in which head office got them, without gaps. */
export interface SaleView {
  sale_id: string;
  receipt_number: string;
  store: string;
  till: string;
  cashier: string;
  currency: string;
  total_minor: number;
  change_minor: number;
  rounding_minor: number;
  completed_at: number;
  day: string;
  seq: number;
  arrival: number;
  lines: LineView[];
  tenders: TenderView[];
  taxes: TaxView[];
  returned_minor: number;
  tip_minor: number;
  customer: string;
  note: string;
  age_checked: number;
  age_how: string;
  price_book: string;
}

export interface SalesView {
  sales: SaleView[];
  next: number;
}

export interface AlarmView {
  kind: string;
  words: string;
  first_at: number;
  last_at: number;
  count: number;
}

/** A store. Takings are what was sold on its business day of this moment, refunds what came back on it; `last_contact` 0 for never. */
export interface StoreView {
  number: number;
  slug: string;
  name: string;
  connected: boolean;
  last_contact: number;
  head_seq: number;
  accepted_seq: number;
  waiting_sales: number;
  waiting_minor: number;
  projected_seq: number;
  settled_seq: number;
  currency: string;
  takings_today_minor: number;
  sales_today: number;
  quarantined: number;
  parked: number;
  alarms: AlarmView[];
  refunds_today_minor: number;
  tips_today_minor: number;
}

export interface StoresView {
  stores: StoreView[];
}

export interface FeedView {
  items: { key: string; value: { time_zone?: string; day_starts_at_hour?: number } | null }[];
}

export interface RefusalView {
  code: string;
  message: string;
  advice: string;
}

/** Tips of a cashier on one business day. */
export interface CashierTipsView {
  store: string;
  day: string;
  cashier: string;
  currency: string;
  sales: number;
  tip_minor: number;
}

export interface CouponUseView {
  code: string;
  campaign: string;
  name: string;
  single_use: boolean;
  store: string;
  till: string;
  receipt_number: string;
  used_at: number;
  double: boolean;
}

export interface MailView {
  store: string;
  receipt: string;
  to: string;
  state: "waiting" | "sent" | "failed";
  words: string;
  tries: number;
  arrived_at: number;
  ended_at: number;
}

export interface MailsView {
  sending: boolean;
  waiting: number;
  mails: MailView[];
}

/** A shop that is not ready for a price book; `local` is `2026-12-01T00:00` on its own clock. */
export interface BookShopView {
  store: string;
  name: string;
  state: "never" | "away" | "refused" | "clock" | "silent" | "loading";
  from_ms: number;
  local: string;
  time_zone: string;
  last_contact: number;
  prices: number;
  prices_held: number;
  clock_ahead_ms: number;
  words: string;
}

/** A price book that is announced, or took effect within the last day. */
export interface BookView {
  id: string;
  name: string;
  group: string;
  ready: number;
  shops: number;
  instants: { local: string; from_ms: number; ready: number; shops: number }[];
  missing: BookShopView[];
}

/** Something that is wrong, or was; `store` is empty for head office itself. */
export interface AlarmCaseView {
  n: number;
  store: string;
  kind: string;
  words: string;
  state: "open" | "acknowledged" | "closed";
  opened_at: number;
  last_at: number;
  count: number;
  acknowledged_by: string;
  acknowledged_at: number;
  note: string;
  closed_by: string;
  closed_at: number;
  closed_words: string;
  advice: string;
}

/** An event that stands aside; `data` is null where it cannot be read, `raw` its beginning then. */
export interface AsideView {
  store: string;
  gen: number;
  seq: number;
  came_at: number;
  reason: string;
  type: string;
  v: number;
  day: string;
  at: number;
  till: string;
  actor: string;
  sale: string;
  fields: { name: string; text: string }[];
  data: unknown;
  raw: string;
  delivery: boolean;
}

/** What an act did. */
export interface ActDoneView {
  taken: { gen: number; seq: number }[];
  left: { gen: number; seq: number; reason: string }[];
  next: number;
}

/** What a person did; `seq` is 0 where it was not about one event. */
export interface ActView {
  n: number;
  what: string;
  store: string;
  gen: number;
  seq: number;
  who: string;
  at: number;
  reason: string;
  before: string;
  after: string;
}

/** How a shop's replication stands. */
export interface ShopStandingView {
  store: string;
  name: string;
  connected: boolean;
  last_contact: number;
  lag_events: number;
  lag_ms: number;
  unprojected_events: number;
  waiting_sales: number;
  waiting_minor: number;
  currency: string;
  aside: number;
  parked: number;
  alarms: number;
  feed_age_ms: number;
  feeds: { feed: string; cursor: number; newest: number; age_ms: number }[];
}
