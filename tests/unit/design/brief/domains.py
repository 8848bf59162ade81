"""Domains in the plain words of different people, each with the facts that its brief must have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DAY = 86_400.0
YEAR = 365.25 * DAY


@dataclass(frozen=True, slots=True)
class Domain:
    """Four answers and their facts. A step is `Command@service/Undo`, `!` marks the pivot, `*` a step of a person; a load is steady,
    peak (0: none is said) and unit; `late` are seconds by read model, `keep` those of audits, `times` timeout and reminders by command."""

    answers: tuple[str, str, str, str]
    name: str
    services: str
    start: str
    steps: str
    load: Mapping[str, tuple[float, float, str]] = field(default_factory=dict)
    late: Mapping[str, float] = field(default_factory=dict)
    windows: tuple[float | None, ...] = (DAY,)
    keep: tuple[float, ...] = ()
    times: Mapping[str, tuple[float, tuple[float, ...]]] = field(default_factory=dict)
    escalate: tuple[float, str] | tuple[()] = ()
    deadline: float = 0.0
    retries: tuple[float, ...] = ()
    kinds: str = ""
    unread: tuple[str, ...] = ()


DOMAINS = {
    "orders": Domain(
        (
            "Order processing of an online shop: some 70 orders a second, 650 at the peak. An order is placed, stock is reserved, the payment is "
            "charged, and the order is confirmed. If the payment is declined, the stock is released and the order is cancelled.",
            "order-service places orders.",
            "payment-service charges the payment, inventory-service reserves the stock and releases it, notification-service sends the customer a "
            "message, analytics keeps sales figures.",
            "An order is charged at most once. Reserved stock equals confirmed plus open orders. The order summary may be 3 seconds behind. Events of "
            "one order may arrive out of order at analytics. Duplicates are recognised by the order id for 48 hours. Failed messages are tried again "
            "after 2, 7 and 40 minutes and then wait in a dead-letter queue with an alert.",
        ),
        name="order-processing",
        services="order-service payment-service inventory-service notification-service analytics",
        start="OrderPlaced",
        steps="ReserveStock@inventory-service/ReleaseStock ChargePayment@payment-service/RefundPayment! ConfirmOrder@order-service",
        load={"orders": (70, 650, "second")},
        late={"order_summary": 3},
        windows=(2 * DAY,),
        retries=(120, 420, 2400),
        kinds="exactly-once-effect invariant outbox staleness order",
    ),
    "claims": Domain(
        (
            "Insurance claims, from the first notice of loss to a paid or refused claim: 21,500 claims a day, 160,000 after a storm. Each decision stays "
            "on record for twelve years.",
            "claims-service files claims, document-service receives documents.",
            "policy-service reserves the coverage and releases it, fraud-service screens the claim for fraud, adjuster-desk decides the claim (a person, "
            "within 25 days, reminded after 6 and 11 days, escalated to the head of claims after eighteen days), payout-service sends the payout, regulator-report keeps the register of claims.",
            "A claim is paid at most once, ever. The paid amount never exceeds the confirmed coverage. Every decision can be replayed as it was, for "
            "twelve years. Documents may arrive in any order. The register of claims may be a minute behind.",
        ),
        name="insurance-claims",
        services="claims-service document-service policy-service fraud-service adjuster-desk payout-service regulator-report",
        start="ClaimFiled",
        steps="ReserveCoverage@policy-service/ReleaseCoverage ScreenFraud@fraud-service/CloseFraudCase DecideClaim@adjuster-desk/WithdrawDecision!* "
        "SendPayout@payout-service",
        load={"claims": (21_500, 160_000, "day")},
        late={"claim_register": 60},
        windows=(None,),
        keep=(12 * YEAR,),
        times={"DecideClaim": (25 * DAY, (6 * DAY, 11 * DAY))},
        escalate=(18 * DAY, "head-of-claims"),
        kinds="exactly-once-effect invariant invariant audit staleness order",
    ),
    "hotel": Domain(  # sentences of a manager, with "we", and a service that takes the place of persons
        (
            "We run a chain of hotels and take bookings for rooms: twelve bookings a minute, ninety on Fridays.",
            "Guests book rooms on our website; travel-agents-api takes bookings from agents.",
            "The room service holds a room for 15 minutes and gives it back if the payment fails. Billing charges a deposit and refunds it. We send the "
            "guest a confirmation by e-mail. The dashboard shows the occupancy of every hotel.",
            "No room is ever booked twice for the same night. A deposit is charged at most once within three days. The dashboard may be half a minute "
            "behind.",
        ),
        name="hotels",
        services="website travel-agents-api room-service billing notification-service dashboard",
        start="BookingRequested",
        steps="HoldRoom@room-service/ReleaseRoom ChargeDeposit@billing/RefundDeposit! ConfirmBooking@website",
        load={"bookings": (12, 90, "minute")},
        late={"booking_summary": 30},
        windows=(3 * DAY,),
        deadline=900,
        kinds="exactly-once-effect invariant invariant staleness",
    ),
    "subscriptions": Domain(  # as terse as it gets
        (
            "magazine subscriptions, 200/h, 2000/h at peak",
            "subscription-service",
            "access-service, payment-service, mailer, analytics",
            "each period is charged exactly once, within 48h; analytics may lag 5 min",
        ),
        name="magazine-subscriptions",
        services="subscription-service access-service payment-service mailer analytics",
        start="SubscriptionRequested",
        steps="GrantAccess@access-service/RevokeAccess ChargePeriod@payment-service/RefundPeriod! ActivateSubscription@subscription-service "
        "ChargeRenewal@payment-service/RefundRenewal! ExtendSubscription@subscription-service",
        load={"subscriptions": (200, 2000, "hour")},
        late={"subscription_summary": 300},
        windows=(2 * DAY,),
    ),
    "transfers": Domain(  # a list with colons
        (
            "Payments between accounts at a small bank. About 300 transfers a second, up to 2,500 on paydays.",
            "transfer-service starts transfers",
            "- screening-service: screens both parties\n- account-service: debits the payer's account and credits it back\n- payout-service: sends the "
            "payout\n- statements: keeps the list of movements\n- notifier: tells the customer",
            "A transfer is paid out exactly once, forever. Debited money always equals paid out plus open transfers. Every transfer can be explained for "
            "seven years. Statements are at most ten seconds behind.",
        ),
        name="payments",
        services="transfer-service screening-service account-service payout-service statements notifier",
        start="TransferRequested",
        steps="ScreenTransfer@screening-service/CloseScreening DebitAccount@account-service/CreditAccount SendPayout@payout-service/RecallPayout! "
        "CompleteTransfer@transfer-service",
        load={"transfers": (300, 2500, "second")},
        late={"transfer_summary": 10},
        windows=(None,),
        keep=(7 * YEAR,),
    ),
    "food": Domain(  # a capture after the delivery, a person that accepts
        (
            "Food delivery in a city. People order meals from restaurants and a courier brings them. Around 2k orders per hour, 9k per hour on Sunday "
            "evenings.",
            "the rider app places orders",
            "restaurant accepts the order (a person, within 5 minutes), courier-dispatch assigns a courier and unassigns him, payments authorises the "
            "card, captures it after delivery and voids it otherwise, push tells the customer where the courier is",
            "The card is charged only once. A courier has at most one open delivery at a time. Push messages may be late. Personal data is erased on "
            "request.",
        ),
        name="food-delivery",
        services="rider-app restaurant courier-dispatch payments push",
        start="OrderPlaced",
        steps="AssignCourier@courier-dispatch/UnassignCourier AcceptOrder@restaurant/WithdrawOrderQuestion* AuthoriseCard@payments/VoidCard! "
        "ConfirmOrder@rider-app CaptureCard@payments",
        windows=(None,),
        load={"orders": (2000, 9000, "hour")},
        times={"AcceptOrder": (300, ())},
        kinds="exactly-once-effect invariant invariant",
        unread=("Personal data is erased on request", "Push messages may be late"),
    ),
    "library": Domain(
        (
            "Library loans: readers borrow books at four branches, some 3,000 loans a day.",
            "Lending desk lends books, return box reports returned books",
            "catalogue reserves the copy and frees it again, fines charges a fee, reminders emails the reader when a loan is overdue, statistics counts "
            "loans",
            "a copy is lent to one reader at a time, fees are never charged twice, the statistics can be a day old",
        ),
        name="library-loans",
        services="lending-desk return-box catalogue fines reminders statistics",
        start="BookLoanRequested",
        steps="ReserveCopy@catalogue/FreeCopy ChargeFee@fines/RefundFee! ConfirmBookLoan@lending-desk",
        windows=(None,),
        load={"loans": (3000, 0, "day")},
        late={"statistics_book_loan": DAY},
    ),
    "hospital": Domain(  # British, two services that begin the same
        (
            "Hospital appointments. Patients ask for an appointment, a doctor's slot is reserved, a nurse confirms it.",
            "patient-portal requests appointments, call centre requests appointments by phone",
            "scheduling books a slot and cancels it, the triage nurse reviews the request within 2 hours and is reminded after 30 minutes, "
            "insurance-check verifies the cover, SMS gateway reminds the patient, records keeps the history of each patient",
            "A slot is never double-booked. Every decision is kept for 30 years. The history may be five minutes behind. Messages about one appointment "
            "are handled in order.",
        ),
        name="hospital-appointments",
        services="patient-portal call-centre scheduling triage-nurse insurance-check sms-gateway records",
        start="AppointmentRequested",
        steps="VerifyCover@insurance-check BookSlot@scheduling/CancelSlot ReviewRequest@triage-nurse/WithdrawRequestQuestion* "
        "ConfirmAppointment@patient-portal",
        late={"records_appointment": 300},
        keep=(30 * YEAR,),
        times={"ReviewRequest": (7200, (1800,))},
        kinds="exactly-once-effect invariant invariant staleness audit order",
    ),
    "baggage": Domain(
        (
            "Airline baggage handling: 40,000 bags a day, 75,000 in the summer holidays",
            "check-in registers bags, scanners report positions of bags",
            "sorting assigns a chute and releases it; loading reserves a place in the hold and releases it; customs screens the bag; tracing shows where "
            "each bag is; airline-alerts notifies the passenger",
            "A bag is loaded at most once. No bag is ever lost. Positions may arrive out of order. Tracing is at most 15 seconds behind. Failed messages "
            "are retried after ten seconds, 1 minute and 10 minutes, then go to the dead-letter queue and page the team.",
        ),
        name="airline-baggage-handling",
        services="check-in scanners sorting loading customs tracing airline-alerts",
        start="BagRegistered",
        steps="ScreenBag@customs AssignChute@sorting/ReleaseChute ReservePlace@loading/ReleasePlace ConfirmBag@check-in",
        load={"bags": (40_000, 75_000, "day")},
        late={"tracing_bag": 15},
        retries=(10, 60, 600),
        kinds="exactly-once-effect invariant outbox order staleness",
    ),
    "parking": Domain(
        (
            "Parking in car parks",
            "gates report cars that enter, driver app reserves a parking space",
            "space registry holds a space for twenty minutes and releases it, wallet charges the fee and refunds it, barrier opens the gate, operator "
            "board displays free spaces",
            "one space, one car at a time; fee charged once (24 h); board at most 3 seconds stale",
        ),
        name="parking",
        services="driver-app gates space-registry wallet barrier operator-board",
        start="SpaceReservationRequested",
        steps="HoldSpace@space-registry/ReleaseSpace ChargeFee@wallet/RefundFee! ConfirmSpaceReservation@driver-app",
        late={"operator_board_space_reservation": 3},
        deadline=1200,
        unread=("may barrier refuse",),
    ),
    "meters": Domain(
        (
            "Energy meter readings. Two million meters send a reading every 30 minutes.",
            "meter-gateway collects readings",
            "validation checks readings, billing invoices the household, forecasting computes the demand, outage-desk watches for silent meters",
            "Readings may arrive in any order and more than once; duplicates are recognised by the reading id for 72 hours. A month is invoiced exactly "
            "once. Forecasts may be an hour behind. Readings are kept for six years.",
        ),
        name="energy-meter-readings",
        services="meter-gateway validation billing forecasting outage-desk",
        start="ReadingCollected",
        steps="CheckReading@validation InvoiceHousehold@billing/CancelHouseholdInvoice! ConfirmReading@meter-gateway",
        load={"readings": (4_000_000, 0, "hour")},
        late={"forecasting_reading": 3600},
        windows=(3 * DAY, None),
        keep=(6 * YEAR,),
    ),
    "loans": Domain(  # one sentence for each service
        (
            "Loan applications for small businesses: 800 applications a day, 1,500 at month's end",
            "The loan portal receives applications.",
            "The credit bureau scores the applicant. An underwriter decides the application (a person, within 3 days, reminded after 1 and 2 days). The "
            "treasury service reserves the funds and releases them. The disbursement service pays out the loan. A letter service writes to the applicant.",
            "A loan is paid out at most once, ever. The sum of open loans never exceeds the reserved funds. All decisions are auditable for ten years. An "
            "application is finished within 5 days.",
        ),
        name="loan-applications",
        services="loan-portal credit-bureau underwriter treasury-service disbursement-service letter-service",
        start="ApplicationReceived",
        steps="ScoreApplicant@credit-bureau ReserveFund@treasury-service/ReleaseFund DecideApplication@underwriter/WithdrawApplicationQuestion* "
        "DisburseLoan@disbursement-service/RecallLoan! ConfirmApplication@loan-portal",
        load={"applications": (800, 1500, "day")},
        windows=(None,),
        keep=(10 * YEAR,),
        times={"DecideApplication": (3 * DAY, (DAY, 2 * DAY))},
        deadline=5 * DAY,
    ),
    "fleet": Domain(  # in no pattern, with a typing error
        (
            "Fleet maintenance for 4,000 trucks",
            "telematics reports mileage; fleet-office requests a service",
            "workshop resrves a bay and the parts, and releases them; the fleet manager approves the estimate within 2 days; billing charges the owner; "
            "analytics",
            "a repair is billed once, no truck leaves with open defects, events of a truck are handled in order, reports can be an hour late",
        ),
        name="fleet-maintenance",
        services="fleet-office telematics workshop fleet-manager billing analytics",
        start="RepairRequested",
        steps="ReserveBay@workshop/ReleaseBay ReserveParts@workshop/ReleaseParts ApproveEstimate@fleet-manager/WithdrawEstimateQuestion* "
        "ChargeOwner@billing/RefundOwner! ConfirmRepair@fleet-office",
        windows=(None,),
        late={"analytics_repair": 3600},
        times={"ApproveEstimate": (2 * DAY, (DAY,))},
        unread=("no truck leaves with open defects", "resrves is read as reserve"),
    ),
    "school": Domain(
        (
            "School enrolment in the spring; 120 applications an hour, 1000 per hour on the first day",
            "parents submit applications through the parents portal",
            "places-service reserves a place and releases it, head teacher accepts the pupil (within ten days, reminder after a week), fee office bills the "
            "tuition, class register lists pupils, newsletter",
            "A class never has more than 28 pupils. A fee is billed once a year at most. The class register may be one hour behind.",
        ),
        name="school-enrolment",
        services="parent-portal places-service head-teacher fee-office class-register newsletter",
        start="ApplicationSubmitted",
        steps="ReservePlace@places-service/ReleasePlace AcceptPupil@head-teacher/WithdrawPupilQuestion* BillTuition@fee-office/CancelTuitionInvoice! "
        "ConfirmApplication@parent-portal",
        windows=(None,),
        load={"applications": (120, 1000, "hour")},
        late={"class_register_application": 3600},
        times={"AcceptPupil": (10 * DAY, (7 * DAY,))},
        unread=("may newsletter refuse",),
    ),
    "concerts": Domain(  # all of it with "we"; the peak comes first
        (
            "Concert tickets. When a sale opens, 5000 requests per second arrive; usually 20 requests per second.",
            "ticket shop sells tickets",
            "We reserve seats for 10 minutes and release them. We charge the credit card. We send the tickets by email. Fraud screening scores the buyer. "
            "Sales reports count tickets.",
            "A seat is sold at most once. A card is charged exactly once. Buyers are served within 10 minutes. Reports can be 1 minute behind. Nothing may "
            "be lost.",
        ),
        name="concert-tickets",
        services="ticket-shop seat-service payment-service notification-service fraud-screening sales-reports",
        start="BookingRequested",
        steps="HoldSeat@seat-service/ReleaseSeat ScoreBuyer@fraud-screening ChargeDeposit@payment-service/RefundDeposit! ConfirmBooking@ticket-shop",
        load={"bookings": (20, 5000, "second")},
        late={"booking_summary": 60},
        windows=(DAY, None),
        deadline=600,
        kinds="exactly-once-effect invariant staleness exactly-once-effect outbox",
        unread=("Buyers are served within 10 minutes",),
    ),
    "lockers": Domain(
        (
            "Parcel lockers in train stations: 25 thousand parcels per day, three times as many before Christmas",
            "carrier-api announces parcels",
            "locker-service reserves a compartment and frees it, pin-service issues a pin code and revokes it, courier deposits the parcel, "
            "recipient-messages sends the code, billing charges the carrier; kpi-board aggregates figures",
            "A compartment holds one parcel at a time. The carrier is charged once per parcel. Parcels wait 3 days and then go back. The board may be 5 "
            "minutes behind.",
        ),
        name="parcel-lockers",
        services="carrier-api locker-service pin-service courier recipient-messages billing kpi-board",
        start="ParcelAnnounced",
        steps="ReserveCompartment@locker-service/FreeCompartment IssuePinCode@pin-service/RevokePinCode ChargeCarrier@billing/RefundCarrier! "
        "ConfirmParcel@carrier-api",
        windows=(None,),
        load={"parcels": (25_000, 75_000, "day")},
        late={"kpi_board_parcel": 300},
        unread=("Parcels wait 3 days and then go back", "may courier refuse"),
    ),
    "rentals": Domain(  # an unlock that a lock takes back; a consumer that is a producer too
        (
            "Our company rents out bikes by the hour.",
            "bike app starts rentals",
            "bike service unlocks a bike and locks it, payment holds a deposit of 50 euros and releases it, payment charges the ride, bike app shows the "
            "route, helpdesk, BI",
            "eventual is fine for BI but a ride must never be charged twice",
        ),
        name="bike-rental",
        services="bike-app bike-service payment helpdesk bi",
        start="RentalStarted",
        steps="UnlockBike@bike-service/LockBike HoldDeposit@payment/ReleaseDeposit ChargeRide@payment/RefundRide! ConfirmRental@bike-app",
        windows=(None,),
        late={"bi_rental": 5, "bike_app_rental": 5},
        unread=("may helpdesk refuse",),
    ),
    "grants": Domain(  # American spelling, and the least of words
        (
            "Organization of research grants",
            "application portal",
            "reviewers, committee decides (people, 60 days), finance pays",
            "strong consistency for budgets; decisions reproducible for 15 years",
        ),
        name="research-grants",
        services="application-portal reviewers committee finance",
        start="GrantRequested",
        steps="DecideGrant@committee/WithdrawGrantQuestion* SendPayment@finance/RecallPayment! ConfirmGrant@application-portal",
        windows=(None,),
        keep=(15 * YEAR,),
        times={"DecideGrant": (60 * DAY, (DAY,))},
        unread=("strong consistency for budgets", "may reviewers refuse"),
    ),
    "museum": Domain(  # two services with one verb, and a noun that is a preposition elsewhere
        (
            "Museum tours. Visitors book guided tours; 40 visitors an hour usually and up to 300 on free Sundays",
            "ticket desk and web shop book tours",
            "guides-service assigns a guide and withdraws him again, till takes the payment and gives it back, audio guides are handed out by the "
            "cloakroom, newsletter, visitor statistics",
            "a guide leads one tour at a time; payments are never taken twice; statistics may be 15 minutes late; tours are kept on record for 2 years",
        ),
        name="museum-tours",
        services="ticket-desk web-shop guides-service till cloakroom newsletter visitor-statistics",
        start="TourBookingRequested",
        steps="AssignGuide@guides-service/WithdrawGuide TakePayment@till/ReturnPayment! ConfirmTourBooking@ticket-desk",
        windows=(None,),
        load={"visitors": (40, 300, "hour")},
        late={"visitor_statistics_tour_booking": 900},
        keep=(2 * YEAR,),
        unread=("may cloakroom or newsletter refuse",),
    ),
    "telecom": Domain(  # American spelling; a verb that its prefix takes back
        (
            "SIM card activation at a mobile operator: 10,000 activations per day with peaks of 50,000 at Christmas.",
            "Shops and the self-care app request activations.",
            "Number management reserves a phone number and frees it. HLR activates the SIM and deactivates it. Credit check verifies the customer. Billing "
            "opens an account. SMS center sends a welcome text. CRM records the contact. Regulator reporting lists activated numbers.",
            "Each number belongs to at most one SIM at any time. A customer is never activated twice. Regulator reporting may lag by up to one hour. "
            "Everything must be auditable for 5 years. Failed messages: retry after 30 seconds, 5 minutes and 1 hour, then dead letter.",
        ),
        name="sim-card-activation",
        services="shops self-care-app number-management hlr credit-check billing sms-center crm regulator-reporting",
        start="ActivationRequested",
        steps="VerifyCustomer@credit-check ReservePhoneNumber@number-management/FreePhoneNumber ActivateSim@hlr/DeactivateSim "
        "ConfirmActivation@shops",
        load={"activations": (10_000, 50_000, "day")},
        late={"crm_activation": 5, "regulator_reporting_activation": 3600},
        keep=(5 * YEAR,),
        retries=(30, 300, 3600),
        unread=("may billing refuse",),
    ),
    "courses": Domain(
        (
            "We organize cooking classes",
            "students sign up on our site",
            "we reserve a spot in the class (for half an hour), we charge the fee by card, we mail a receipt",
            "never more than twelve people in a class. no double charges.",
        ),
        name="cooking-classes",
        services="site spot-service payment-service notification-service",
        start="ClassRequested",
        steps="ReserveSpot@spot-service/ReleaseSpot ChargeFee@payment-service/RefundFee! ConfirmClass@site",
        windows=(None,),
        deadline=1800,
    ),
    "pallets": Domain(  # bullets with colons and arrows
        (
            "Warehouse replenishment / 1.5k pallets a day",
            "* forecasting service: proposes orders\n* store managers: request pallets",
            "* supplier gateway -> orders pallets, cancels them\n* dock scheduler -> books a dock slot, releases it\n* finance -> pays the supplier\n* BI -> "
            "builds reports",
            "* no pallet is ordered twice (7 days)\n* dock slot unique per truck\n* reports: 1 h behind ok\n* events of a pallet stay in order",
        ),
        name="warehouse-replenishment",
        services="forecasting-service store-managers supplier-gateway dock-scheduler finance bi",
        start="OrderProposed",
        steps="OrderPallet@supplier-gateway/CancelPallet BookDockSlot@dock-scheduler/ReleaseDockSlot PaySupplier@finance/RefundSupplier! "
        "ConfirmOrder@forecasting-service",
        windows=(None,),
        load={"pallets": (1500, 0, "day")},
        late={"bi_order": 3600},
    ),
    "charging": Domain(  # long sentences with conditions, and a capture at another service
        (
            "Our company operates a network of charging stations for electric cars. Drivers plug in and the session is billed afterwards.",
            "Charging stations start sessions (about 15 sessions a minute; 60 a minute in the evening), and the roaming hub also starts sessions.",
            "When a session starts, the authorization service authorizes the driver's card and voids the authorization if nothing was charged. The grid "
            "controller then reserves power for the session and releases it afterwards. At the end billing captures the amount. The app shows drivers the "
            "state of charge. Roaming partners are notified by the clearing house.",
            "A session must be billed exactly once. Reserved power must never exceed the capacity of the grid connection. The app may be up to 5 seconds "
            "behind. Duplicates are detected by the session id for two days.",
        ),
        name="charging-stations",
        services="charging-stations roaming-hub authorization-service grid-controller billing app-service clearing-house",
        start="SessionStarted",
        steps="ReservePower@grid-controller/ReleasePower AuthorizeDriverCard@authorization-service/VoidDriverCard! ConfirmSession@charging-stations "
        "CaptureAmount@billing",
        load={"sessions": (15, 60, "minute")},
        late={"app_session": 5},
        windows=(2 * DAY,),
    ),
}
