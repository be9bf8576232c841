// What the box says to the device wall: mirrors edge/contract/technician_views.py and device_states.py (tests/screens compares them).

export interface CashierView {
  id: string;
  name: string;
  role: string;
  language: string;
}

export interface TechnicianView {
  till: string;
  store_name: string;
  person: CashierView | null;
  staff: CashierView[];
}

export interface StatisticView {
  name: string;
  count: number;
}

export type DeviceTest = "test_page" | "health" | "open_drawer";
export type Setting = string | number | boolean | null | undefined;

export interface TerminalDayView {
  state: string;
  job: string;
  code: string;
  words: string;
  advice: string;
  outcome: string;
  at: number;
  told: boolean;
  amount_minor: number;
  ledger_minor: number;
  difference_minor: number;
  inferred: boolean;
  currency: string;
  reason: string;
  schemes: SchemeSum[];
}

export interface SchemeSum {
  scheme: string;
  told?: boolean;
  count?: number;
  amount_minor?: number;
  ledger_count?: number;
  ledger_minor?: number;
}

export interface WallDevice {
  id: string;
  name: string;
  host: string;
  driver: string;
  till: string;
  roles: string[];
  fixed: boolean;
  device_class: string;
  model: string;
  serial_number: string;
  firmware: string;
  address: string;
  settings: Record<string, unknown>;
  state: string;
  well: boolean;
  code: string;
  words: string;
  advice: string;
  paper: string;
  cover: string;
  drawer: string;
  weight: string;
  weight_g: number;
  jobs_waiting: number;
  last_scan: string;
  last_scan_at: number;
  statistics: StatisticView[];
  tests: DeviceTest[];
  ends_day: boolean;
  day: TerminalDayView | null;
  records: boolean;
  noted: number;
}

export interface LogEntry {
  at: number;
  what: string;
  name?: string;
  value?: string;
  count?: number;
  code?: string;
  words?: string;
}

export interface DeviceLogView {
  device: string;
  noted: number;
  entries: LogEntry[];
}

export interface RecordingBody {
  outcome: "done" | "failed" | "unknown" | "waiting";
  host: string;
  file: string;
  size_bytes: number;
  content: string;
  code: string;
  words: string;
  advice: string;
}

export interface BoxPart {
  name: string;
  state: "well" | "watch" | "person";
  code: string;
  words: string;
  advice: string;
  params: Record<string, number | string>;
}

export interface BoxView {
  version: string;
  python: string;
  system: string;
  sqlite: string;
  up_s: number;
  machine_up_s: number;
  parts: BoxPart[];
}

export interface FoundDevice {
  address: string;
  description: string;
  driver?: string;
  drivers?: string[];
  kind?: string;
  usb?: string;
  serial_number?: string;
}

export interface SettingOffer {
  name: string;
  kind: "text" | "number" | "yes_no" | "choice" | "other";
  required?: boolean;
  default?: unknown;
  choices?: (string | number)[];
  low?: number;
  high?: number;
  chars_max?: number;
}

export interface DriverOffer {
  name: string;
  device_class: string;
  model?: string;
  rung?: string;
  settings?: SettingOffer[];
  capabilities?: string[];
  job_kinds?: string[];
}

export interface OfferView {
  offer: DriverOffer;
  roles: string[];
}

export interface WallHost {
  name: string;
  online: boolean;
  version: string;
  found: FoundDevice[];
  drivers: OfferView[];
}

export interface WallView {
  store: string;
  at: number;
  bus: boolean;
  tills: string[];
  devices: WallDevice[];
  hosts: WallHost[];
  box: BoxView;
}

export interface TestBody {
  outcome: "done" | "failed" | "unknown" | "waiting";
  code: string;
  words: string;
  advice: string;
}
