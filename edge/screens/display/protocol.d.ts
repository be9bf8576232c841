// What the box says to a customer display: mirrors edge/contract/display_view.py (tests/screens compares them).

export type DisplayState = "closed" | "ready" | "selling" | "card" | "ask_staff" | "done";

export interface SavingView {
  name: string;
  amount_minor: number;
  price_minor?: number;
}

export interface DisplayLineView {
  name: string;
  quantity: number;
  unit: string;
  price_minor: number;
  listed_minor: number;
  amount_minor: number;
  savings: SavingView[];
  returned: boolean;
  deposit: boolean;
  bound: boolean;
  weighed: boolean;
  tare_g: number;
}

export interface DisplayTenderView {
  kind: string;
  amount_minor: number;
  waits: boolean;
}

export interface ScaleView {
  name: string;
  price_minor: number;
  tare_g: number;
  shown: boolean;
  still: boolean;
  weight_g: number;
  amount_minor: number;
  at_price?: boolean;
}

export interface CustomerDisplayView {
  state: DisplayState;
  currency: string;
  language: string;
  began_at: number;
  lines: DisplayLineView[];
  tenders: DisplayTenderView[];
  total_minor: number;
  tip_minor: number;
  saved_minor: number;
  paid_minor: number;
  due_minor: number;
  back_minor: number;
  change_minor: number;
  rounding_minor: number;
  weighing: ScaleView | null;
  receipt_code: boolean;
  training: boolean;
  greeting: string;
  logo: string;
}
