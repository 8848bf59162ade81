"""Planted bugs in steps that a saga sends for each item of a list."""

from __future__ import annotations

from tests.planted.finders import ITEMS as FOUND
from tests.planted.finders import ITEMS_REFUSED, ITEMS_UPGRADED
from tests.planted.planting import Plant, instead, swap

ITEMS = {
    "last-item-not-sent": Plant(
        "G5",
        "the last item of a list is not sent",
        "_unfold",
        swap("count = spec.each.count(state.facts)", "count = max(spec.each.count(state.facts) - 1, 0)"),
        FOUND + "test_each_item_has_a_command_of_its_own_and_the_saga_goes_on_when_all_are_done",
        under="sagas/progress",
    ),
    "first-item-for-all": Plant(
        "G5",
        "the command of each item is filled from the first item",
        "ItemPlan.make",
        swap("self.items.item(facts, self.number)", "self.items.item(facts, 0)"),
        FOUND + "test_each_item_has_a_command_of_its_own_and_the_saga_goes_on_when_all_are_done",
    ),
    "reply-of-another-item": Plant(
        "G5",
        "the undo of an item is filled from the reply to the first item",
        "of_item",
        swap("""f"{step}/{number}.{fact.partition('.')[2]}\"""", """f"{step}/0.{fact.partition('.')[2]}\""""),
        FOUND + "test_a_refusal_undoes_the_items_that_were_done_or_may_have_been_in_reverse",
    ),
    "items-one-after-the-other": Plant(
        "G5",
        "the steps of a list are no group: the saga goes on when the first is done",
        "_step",
        swap('beside=f"{spec.name}/0"', 'beside=""'),
        FOUND + "test_each_item_has_a_command_of_its_own_and_the_saga_goes_on_when_all_are_done",
        under="sagas/unfolding",
    ),
    "point-of-no-return-within-a-list": Plant(
        "G5",
        "the point of no return keeps its place in the line when a list before it is unfolded",
        "_unfold",
        swap("pivot_index = len(steps) - 1", "pivot_index = number"),
        FOUND + "test_a_refusal_of_the_last_item_undoes_the_others",
        under="sagas/unfolding",
    ),
    "empty-list-is-waited-for": Plant(
        "G5",
        "a list without items is waited for",
        "go_to",
        swap("is None or _unfold(move, index)", "is None or _unfold(move, index) is not None"),
        FOUND + "test_an_empty_list_at_the_end_completes_the_saga",
    ),
    "bound-found-too-late": Plant(
        "G5",
        "the list of a step behind the point of no return is looked at when nothing can be undone any more",
        "_exceeds",
        swap("range(index, len(definition.steps))", "range(index, index + 1)"),
        FOUND + "test_a_list_of_a_later_step_is_checked_before_the_point_of_no_return",
    ),
    "undone-for-a-long-list": Plant(
        "G5",
        "a list that is too long undoes a saga behind its point of no return",
        "_may_turn_back",
        instead("return True\n"),
        FOUND + "test_behind_the_point_of_no_return_a_long_list_waits_for_an_operator_who_raises_the_bound",
    ),
    "resume-sends-nothing": Plant(
        "G5",
        "an operator resumes a saga that waits with a long list, and nothing is sent",
        "on_operator",
        swap("if undoing is None and not ahead:", "if False:"),
        FOUND + "test_behind_the_point_of_no_return_a_long_list_waits_for_an_operator_who_raises_the_bound",
        under="sagas/verbs",
    ),
    "a-guess-for-an-item": Plant(
        "G5",
        "a reply that names no item is taken for that of the first item which waits",
        "_is_unclear",
        instead("return False\n"),
        FOUND + "test_a_reply_with_neither_address_nor_cause_moves_no_item",
    ),
    "replies-without-their-places": Plant(
        "G5",
        "a hook sees the replies of a list without those that have not come, so at other places",
        "_replies",
        swap("found[spec.declared].append(", "spec.name in come and found[spec.declared].append("),
        FOUND + "test_a_hook_sees_none_where_an_item_has_no_reply",
    ),
    "item-by-its-new-name-alone": Plant(
        "G5",
        "a kept item is read without the earlier names of its fields",
        "Items.renamed",
        swap("for earlier in field.aliases:", "for earlier in ():"),
        ITEMS_UPGRADED + "test_a_renamed_field_of_an_item_is_read_by_its_earlier_name_and_a_new_one_has_its_default",
    ),
    "another-number-of-items": Plant(
        "G5",
        "an upcaster changes the number of items whose steps are in flight, and undos go to other items",
        "_check_lengths",
        swap("if now != sent:", "if False:"),
        ITEMS_UPGRADED + "test_an_upcaster_that_changes_the_number_of_items_is_refused_while_their_steps_are_in_flight",
        under="sagas/needed_facts",
    ),
    "equal-commands-for-all-items": Plant(
        "G5",
        "a command in which nothing is of the item is accepted, and sent once for each",
        "check_uses",
        swap('if not used and hook in ("command", "undo", "ask"):', "if False:"),
        ITEMS_REFUSED + "test_it_is_refused_with_what_to_write",
    ),
}
