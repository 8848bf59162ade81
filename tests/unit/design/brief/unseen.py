"""Domains that no line of the reader was written for, each in the words of another person."""

from __future__ import annotations

from tests.unit.design.brief.domains import DAY, YEAR, Domain

UNSEEN = {
    "mileage": Domain(  # the value that is reported begins the work, and is not the work
        (
            "fleet maintenance",
            "telematics reports mileage",
            "garage reserves a bay and releases it, parts-store sets aside parts and puts them back, billing charges the owner, workshop-board "
            "shows open jobs",
            "a repair is billed once, no vehicle leaves with open defects",
        ),
        name="fleet-maintenance",
        services="telematics garage parts-store billing workshop-board",
        start="RepairDue",
        steps="ReserveBay@garage/ReleaseBay ReserveParts@parts-store/ReturnParts ChargeOwner@billing/RefundOwner! ConfirmRepair@telematics",
        late={"workshop_board_repair": 5},
        windows=(None,),
        unread=("no vehicle leaves with open defects",),
    ),
    "lifts": Domain(  # chatty, British
        (
            "We look after the lifts in some four hundred blocks of flats, mostly up north. A tenant rings up, we send someone round, and the "
            "landlord gets the bill. Perhaps two hundred faults a day, six hundred when it freezes.",
            "The call centre logs a fault.",
            "First of all dispatch assigns an engineer, or unassigns him. The spares store sets the parts aside and puts them back if nobody "
            "needs them. The works manager authorises the quote - she is a person, it takes her two working days at most, chase her after one. "
            "Accounts invoices the landlord. The tenant app tells the tenant what is going on.",
            "No fault may be invoiced twice. An engineer has one fault at a time. The tenant app may lag a minute. Half a day without the "
            "accounts system must lose nothing.",
        ),
        name="lifts",
        services="call-centre dispatch spares-store works-manager accounts tenant-app",
        start="FaultLogged",
        steps="AssignEngineer@dispatch/UnassignEngineer ReserveParts@spares-store/ReturnParts AuthoriseQuote@works-manager/WithdrawQuoteQuestion*"
        " InvoiceLandlord@accounts/CancelLandlordInvoice! ConfirmFault@call-centre",
        load={"faults": (200, 600, "day")},
        windows=(None,),
        times={"AuthoriseQuote": (2 * DAY, (DAY,))},
        deadline=YEAR,
        unread=("The tenant app may lag a minute",),
    ),
    "blood": Domain(  # terse, with a slash
        (
            "blood bank",
            "hospital requests units",
            "storage reserves units/releases them; lab crossmatches the sample; courier delivers; hospital billing charges the hospital; "
            "national register counts units",
            "unit never given twice. stock never below zero. register one hour late ok. each unit traceable thirty years",
        ),
        name="blood-bank",
        services="hospital storage lab courier hospital-billing national-register",
        start="UnitRequested",
        steps="ReserveStorageUnit@storage/ReleaseStorageUnit ChargeHospital@hospital-billing/RefundHospital! ConfirmUnit@hospital",
        late={"national_register_unit": 3600},
        windows=(None,),
        keep=(30 * YEAR,),
        unread=("may lab or courier refuse",),
    ),
    "towing": Domain(  # American, numbers in words, an outage
        (
            "Towing service in a big city, around fifteen tow jobs an hour, one hundred fifty in a snowstorm",
            "dispatcher app starts tow jobs",
            "driver app assigns a truck and frees it, the impound lot reserves a space and releases it, card processor charges the owner's "
            "credit card, the police report system is notified, dashboard shows open jobs",
            "If the card processor is down for an hour we still want to get paid, exactly once. The lot is never overbooked. Dashboard can be "
            "ten seconds behind.",
        ),
        name="towing-service",
        services="dispatcher-app driver-app impound-lot card-processor notification-service dashboard",
        start="TowingStarted",
        steps="AssignTruck@driver-app/FreeTruck ReserveSpace@impound-lot/ReleaseSpace ChargeCreditCard@card-processor/RefundCreditCard! "
        "ConfirmTowing@dispatcher-app",
        load={"jobs": (15, 150, "hour")},
        late={"dashboard_towing": 10},
        windows=(None,),
        deadline=4 * 3600,
        kinds="exactly-once-effect invariant invariant outbox staleness",
    ),
    "permits": Domain(  # silence is a no, by the answer
        (
            "Film permits of a city. Every decision has to be provable for ten years; who decided what and why.",
            "film office receives applications",
            "police desk checks the location, traffic office blocks streets and unblocks them, permit officer decides (a person, within thirty "
            "days, otherwise it is refused), treasury charges the fee, web site lists permits",
            "the web site may be a day old; a fee is charged once",
        ),
        name="film-permits",
        services="film-office police-desk traffic-office permit-officer treasury web-site",
        start="ApplicationReceived",
        steps="CheckLocation@police-desk BlockStreet@traffic-office/UnblockStreet DecideApplication@permit-officer/WithdrawApplicationQuestion* "
        "ChargeFee@treasury/RefundFee! ConfirmApplication@film-office",
        late={"web_site_application": DAY},
        windows=(None,),
        keep=(10 * YEAR,),
        times={"DecideApplication": (30 * DAY, (DAY,))},
        deadline=38 * DAY,
    ),
    "expenses": Domain(  # money that is reserved, decided and paid
        (
            "Travel expenses",
            "employees submit expenses in the expense app",
            "budget-service reserves the budget and gives it back, the line manager approves the expense (a person; reminded after 2 days; "
            "after 5 days it goes up: escalated to the controller after 5 days), payroll pays out the amount",
            "Expenses of a department never exceed its budget. An expense is never paid out twice, no matter how late. Approvals are on record "
            "for six years.",
        ),
        name="travel-expenses",
        services="expense-app budget-service line-manager payroll",
        start="ExpenseSubmitted",
        steps="ReserveBudget@budget-service/ReturnBudget ApproveExpense@line-manager/WithdrawExpenseQuestion* "
        "DisburseAmount@payroll/RecallAmount! ConfirmExpense@expense-app",
        windows=(None,),
        keep=(6 * YEAR,),
        escalate=(5 * DAY, "controller"),
        deadline=YEAR,
        kinds="exactly-once-effect invariant invariant invariant audit",
    ),
    "vaccines": Domain(  # the wishes before the domain, and the service that orders second
        (
            "all doses tracked, none lost, doses never allocated twice. vaccine distribution. three thousand shipments per week",
            "State depots ship lots, clinics order doses",
            "allocation service allocates doses/deallocates them, cold-chain monitor watches temperatures, invoicing bills the clinic, state "
            "dashboard",
            "clinic billed exactly once per shipment; dashboard 15 min behind; a lot's events in sequence",
        ),
        name="vaccine-distribution",
        services="clinics state-depots allocation-service cold-chain-monitor invoicing state-dashboard",
        start="DoseOrderRequested",
        steps="AllocateDose@allocation-service/DeallocateDose BillClinic@invoicing/CancelClinicInvoice! ConfirmDoseOrder@clinics",
        load={"shipments": (3000 / 7, 0, "day")},
        late={"state_dashboard_dose_order": 900},
        windows=(None,),
        kinds="exactly-once-effect invariant invariant order outbox staleness",
    ),
}
