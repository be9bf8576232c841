// What the box and the till say to each other, as in edge/contract: till_protocol, its views beside it, and till_commands.
// A test compares the fields; change both together.

export type TillState = "idle" | "open" | "paying" | "in_doubt" | "done";

export interface ReductionView {
  source: string;
  name: string;
  amount_minor: number;
  price_minor?: number;
}

export interface LineView {
  line_id: string;
  name: string;
  quantity: number;
  amount_minor: number;
  price_minor: number;
  sku: string;
  unit: string;
  tax: string;
  voided: boolean;
  entry: string;
  replaces: string;
  listed_minor: number;
  reductions: ReductionView[];
  overridden: boolean;
  note: string;
  tare_g: number;
  returned_from: string;
  minimum_age: number;
  deposit: boolean;
  deposit_of: string;
  serial: string;
  lot: string;
}

export interface DiscountView {
  discount_id: string;
  line_id: string;
  off_ppm: number;
  off_minor: number;
  reason: string;
}

export interface TenderView {
  tender_id: string;
  kind: string;
  amount_minor: number;
  state: string;
  words: string;
  last4: string;
  scheme: string;
  reference: string;
}

export interface TaxView {
  tax: string;
  rate_ppm: number;
  net_minor: number;
  tax_minor: number;
  gross_minor: number;
}

export interface DeviceView {
  device_id: string;
  role: string;
  state: string;
  well: boolean;
  code: string;
  words: string;
  advice: string;
  paper: string;
  drawer: string;
  jobs_waiting: number;
  weight: string;
  weight_g: number;
  weighs_at_price?: boolean;
}

export interface WeighingView {
  name: string;
  tare_g: number;
}

export interface AgeCheckView {
  minimum_age: number;
  born_by: string;
}

export interface LinkView {
  state: string;
  waiting_sales: number;
  since: number;
}

export interface NoticeView {
  serial: number;
  code: string;
  tone: string;
  words: string;
  params: Record<string, string>;
}

export interface DotsView {
  box: boolean;
  shop: boolean;
  office: boolean;
  keeper?: string;
}

export interface ReceiptView {
  state: string;
  words: string;
}

export interface ParkedView {
  sale_id: string;
  label: string;
  till: string;
  for_till: string;
  cashier: string;
  parked_at: number;
  total_minor: number;
  lines: number;
  state: TillState;
}

export interface TillView {
  version: number;
  till: string;
  state: TillState;
  sale_id: string | null;
  receipt_number: string | null;
  lines: LineView[];
  tenders: TenderView[];
  taxes: TaxView[];
  total_minor: number;
  due_minor: number;
  change_minor: number;
  rounding_minor: number;
  currency: string;
  opened_at: number | null;
  devices: DeviceView[];
  link: LinkView;
  notice: NoticeView | null;
  dots: DotsView | null;
  receipt: ReceiptView | null;
  discounts: DiscountView[];
  note: string;
  parked: ParkedView[];
  weighing: WeighingView | null;
  refund_due_minor: number;
  last_receipt: string;
  price_check: PriceCheckView | null;
  age_checked: number;
  age_check: AgeCheckView | null;
  empties: boolean;
  doubt: DoubtView | null;
  signature?: SignatureView;
  card_alarms: CardAlarmView[];
  coupons: CouponView[];
  training: boolean;
  customer: CustomerView | null;
  tip_minor: number;
  tips_from: string[];
  /** Another text whenever articles or listed prices may be others than before. */
  goods: string;
}

export interface CustomerView {
  number: string;
  groups: string[];
}

export interface FoundCustomer {
  number: string;
  name: string;
  groups: string[];
}

export interface DoubtView {
  payment: string;
  kind: string;
  amount_minor: number;
  terminal: string;
  since: number;
  asked_at: number;
  answered_at: number;
  code: string;
  words: string;
  may_reverse: boolean;
  reversal: string;
  reversal_words: string;
}

export interface SignatureView {
  payment: string;
  amount_minor: number;
  may_refuse: boolean;
  printed: boolean;
  reversal: string;
  reversal_words: string;
}

export interface CardAlarmView {
  payment: string;
  sale_id: string;
  till: string;
  at: number;
  about: string;
  settled: string;
  settled_minor: number;
  said: string;
  said_minor: number;
  receipt: string;
}

export interface CouponView {
  code: string;
  name: string;
  single_use: boolean;
  counts: boolean;
}

export interface PromotionView {
  name: string;
  now: boolean;
  coupon: boolean;
  members: boolean;
}

export interface PriceView {
  code: string;
  sku: string;
  name: string;
  unit: string;
  currency: string;
  price_minor: number;
  quantity: number;
  amount_minor: number;
  now_minor: number;
  labelled: boolean;
  promotions: PromotionView[];
  book?: string;
  book_minor?: number;
}

export interface PriceCheckView {
  serial: number;
  code: string;
  price: PriceView | null;
  refused: RefusalBody | null;
}

export interface SoldLineView {
  line_id: string;
  sku: string;
  name: string;
  unit: string;
  price_minor: number;
  quantity: number;
  returned: number;
  returnable: number;
  paid_minor: number;
  back_minor: number;
  held_at: string[];
  serial: string;
  lot: string;
}

export interface PaidTenderView {
  tender_id: string;
  kind: string;
  paid_minor: number;
  refundable_minor: number;
  last4: string;
  scheme: string;
  reference: string;
  refunded_minor: number;
}

export interface SoldSaleView {
  receipt_number: string;
  sale_id: string;
  till: string;
  completed_at: number;
  currency: string;
  total_minor: number;
  back_minor: number;
  lines: SoldLineView[];
  tenders: PaidTenderView[];
  proved_by: string;
  store_number: number;
  lines_left_out: number;
  tip_minor: number;
  tip_back_minor: number;
}

export interface RefusalBody {
  code: string;
  message: string;
  advice: string;
  params: Record<string, string>;
}

export type Permission = "discount" | "override_price" | "no_sale" | "unchecked_tender" | "return_without_receipt" | "refund_other_tender" | "resolve_payment" | "tip" | "training";

export interface ApprovalView {
  approval: string;
  valid_s: number;
}

export interface CashierView {
  id: string;
  name: string;
  role: string;
  language: string;
}

export interface ForeignCashView {
  currency: string;
  rate_ppm: number;
}

export interface SessionView {
  till: string;
  store: string;
  store_name: string;
  currency: string;
  cashier: CashierView | null;
  staff: CashierView[];
  tills: string[];
  cash_step_minor: number;
  foreign_cash: ForeignCashView[];
  tips: TipsView | null;
}

export interface TipsView {
  offers_ppm: number[];
}

export interface QuickKeyView {
  place: number;
  code: string;
  name: string;
  price_minor: number;
  unit: string;
  icon: string;
  open_price: boolean;
  deposit: boolean;
}

export interface QuickKeyPageView {
  id: string;
  name: string;
  keys: QuickKeyView[];
}

export interface ArticleView {
  code: string;
  sku: string;
  name: string;
  price_minor: number;
  unit: string;
  open_price: boolean;
}

export type Command =
  | { type: "add_item"; code: string; quantity: number; sale_id?: string; price_minor?: number; unknown_code?: string; serial?: string; lot?: string; approval?: string }
  | { type: "weigh_item"; code: string; tare_g: number; shown_g: number; sale_id?: string }
  | { type: "void_line"; line_id: string; reason?: string }
  | { type: "set_quantity"; line_id: string; quantity: number }
  | { type: "override_price"; line_id: string; price_minor: number; reason: string; approval?: string }
  | { type: "give_discount"; line_id?: string; off_ppm?: number; off_minor?: number; reason: string; approval?: string }
  | { type: "remove_discount"; discount_id: string }
  | { type: "set_note"; line_id?: string; text: string }
  | { type: "add_coupon"; code: string; sale_id?: string }
  | { type: "remove_coupon"; code: string }
  | { type: "set_customer"; customer: string; sale_id?: string }
  | { type: "take_cash"; amount_minor: number }
  | { type: "pay_by_card"; amount_minor: number }
  | { type: "take_tender"; kind: "gift_card" | "points" | "house_account" | "voucher" | "manual_card"; amount_minor: number; reference: string; approval?: string }
  | { type: "take_foreign_cash"; currency: string; amount_minor: number; shown_minor?: number }
  | { type: "return_line"; receipt: string; line_id: string; quantity: number; reason: string; sale_id?: string; original_sale?: string; approval?: string }
  | { type: "return_item"; code: string; quantity: number; reason: string; sale_id?: string; approval?: string }
  | { type: "give_cash"; amount_minor: number; approval?: string }
  | { type: "give_tender"; kind: "gift_card" | "points" | "house_account" | "voucher" | "manual_card"; amount_minor: number; reference: string; approval?: string }
  | { type: "refund_by_card"; amount_minor: number; approval?: string }
  | { type: "set_tip"; amount_minor: number; approval?: string }
  | { type: "return_tip"; receipt: string; reason: string; sale_id?: string; approval?: string }
  | { type: "settle" }
  | { type: "cancel_card" }
  | { type: "abandon"; reason?: string }
  | { type: "next_sale" }
  | { type: "park"; label?: string; for_till?: string }
  | { type: "resume"; sale_id: string }
  | { type: "open_drawer"; reason: string; approval?: string }
  | { type: "reprint_receipt"; receipt: string }
  | { type: "print_gift_receipt"; receipt: string }
  | { type: "email_receipt"; receipt: string; address: string }
  | { type: "ask_terminal"; payment: string }
  | { type: "attach_evidence"; payment: string; approved: boolean; source: "slip" | "portal"; reason: string; amount_minor?: number; receipt?: string; terminal_id?: string; trace?: string; approval?: string }
  | { type: "reverse_in_doubt"; payment: string; receipt: string; reason: string; approval?: string }
  | { type: "settle_card_alarm"; payment: string; reason: string; approval?: string }
  | { type: "confirm_signature"; payment: string }
  | { type: "refuse_signature"; payment: string }
  | { type: "return_empties"; code: string; quantity: number; sale_id?: string; approval?: string }
  | { type: "confirm_age"; minimum_age: number; birth_date?: string }
  | { type: "refuse_age"; minimum_age: number }
  | { type: "begin_training"; approval?: string }
  | { type: "end_training" };

/** What a second person may have to approve. */
export type ApprovedCommand = Extract<Command, { type: "add_item" | "return_empties" | "override_price" | "give_discount" | "open_drawer" | "take_tender" | "return_item" | "give_cash" | "give_tender" | "refund_by_card" | "attach_evidence" | "reverse_in_doubt" | "settle_card_alarm" | "set_tip" | "return_tip" | "begin_training" }>;
