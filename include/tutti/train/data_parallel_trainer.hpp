#pragma once

#include <tutti/collectives/all_gather.hpp>
#include <tutti/collectives/all_reduce.hpp>
#include <tutti/collectives/broadcast.hpp>
#include <tutti/concepts/block_form.hpp>
#include <tutti/concepts/blocks.hpp>
#include <tutti/concepts/buffers.hpp>
#include <tutti/concepts/codec.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/concepts/dataset.hpp>
#include <tutti/concepts/memory_space.hpp>
#include <tutti/concepts/model.hpp>
#include <tutti/concepts/optimizer.hpp>
#include <tutti/concepts/partition.hpp>
#include <tutti/concepts/step_traffic.hpp>
#include <tutti/concepts/synchronisation.hpp>
#include <tutti/detail/least_chrono.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>
#include <tutti/partition/strided.hpp>
#include <tutti/train/agreement.hpp>
#include <tutti/train/batches.hpp>
#include <tutti/train/deal.hpp>
#include <tutti/train/epoch.hpp>
#include <tutti/train/overlapped_pass.hpp>
#include <tutti/train/reports.hpp>
#include <tutti/train/split.hpp>
#include <tutti/train/update.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace tutti {

/// Trains one model on every rank of a group: each rank works on its share of every batch, and the synchronisation policy
/// brings the replicas into agreement. Built and used by all ranks alike. The same program is the same training on any number
/// of ranks, to rounding, where the partition deals the same samples to a step whatever the number.
/// Source: data parallelism as in Li et al. 2020, arXiv:2006.15704; uneven shares are weighted, so none is padded or dropped
template <class Comm, class Model, class Partition, class Sync, class Optimizer>
class data_parallel_trainer : public detail::training_course {
    static_assert(communicator<Comm>,
                  "tutti: data_parallel_trainer(world, ...): world is no communicator; it needs rank(), size(), announce(), "
                  "exchange() and abort(); see tutti/concepts/communicator.hpp");
    static_assert(has_parameters<Model>, "tutti: the model needs parameters(), a member or a free function, that gives a span of "
                                         "its numbers, not a copy of them, or "
                                         "a tuple or range of such spans; see tutti/concepts/model.hpp");
    static_assert(
        has_gradients<Model>,
        "tutti: the model needs gradients(), a member or a free function, that gives spans, not copies, of the same shape as "
        "parameters(); see tutti/concepts/model.hpp");
    static_assert(
        detail::writable_or_absent<Model>,
        "tutti: the model's parameters() and gradients() must give writable spans, not spans of const: the optimiser writes to "
        "them; see tutti/concepts/model.hpp");
    static_assert(detail::matching_or_absent<Model>,
                  "tutti: the model's parameters() and gradients() must have the same form and the same types of numbers; see "
                  "tutti/concepts/model.hpp");
    static_assert(std::move_constructible<Model>,
                  "tutti: the model must be movable, since the trainer holds it; it need not be copyable");
    static_assert(
        data_partition<Partition>,
        "tutti: the third argument of data_parallel_trainer is no data partition, such as tutti::partition::shuffled; see "
        "tutti/concepts/partition.hpp");
    static_assert(
        synchronisation<Sync, Comm>,
        "tutti: the fourth argument of data_parallel_trainer is no synchronisation policy, such as tutti::sync::all_reduce; see "
        "tutti/concepts/synchronisation.hpp");
    static_assert(optimizer<Optimizer, float> || optimizer<Optimizer, double>,
                  "tutti: the fifth argument of data_parallel_trainer is no optimiser, such as tutti::optim::sgd; see "
                  "tutti/concepts/optimizer.hpp");
    static_assert(!detail::is_split<Model>() || !takes_late_gradients<Sync, Comm>,
                  "tutti: a model that is split over a group with a policy that lets ranks run ahead: its parts would take in gradients "
                  "of different steps, and what is not split would drift apart; use tutti::sync::all_reduce");
    static_assert(!detail::is_split<Model>() || !overlapping_synchronisation<Sync, Comm>,
                  "tutti: a model that is split over a group with a policy that exchanges gradients in buckets: the parts' buckets differ, "
                  "and sums of what is not split could be taken in different orders; use tutti::sync::all_reduce");
    static_assert(!needs_shapes<Sync> || has_shapes<Model>,
                  "tutti: the synchronisation policy makes matrices smaller, and the model does not say which of its blocks are: "
                  "give it shapes(), a block_shape per block, or take a codec that needs none, such as tutti::sync::codec::top_k; "
                  "see tutti/concepts/block_form.hpp");
    static constexpr bool on_device = detail::has_parameters_in<memory_space::device, Model>();
    static_assert(!on_device || !detail::has_parameters_in<memory_space::host, Model>(),
                  "tutti: some of the model's parameters are in device memory and some in the host's: put all in one");
    static_assert(!on_device || (reaches<Comm>(memory_space::device) && reaches<Comm>(memory_space::host)),
                  "tutti: the model is in device memory, and what ranks compare and report is in the host's: train it on a communicator "
                  "that reaches both, tutti::comm::with_devices");
    static_assert(!on_device || takes_device_blocks<Sync>,
                  "tutti: the synchronisation policy works on gradients in host memory, and the model's are in device memory: use "
                  "tutti::sync::all_reduce");
    static_assert(!on_device || !detail::is_split<Model>(),
                  "tutti: a model in device memory cannot be split over a group: keep it whole on each rank");

public:
    /// Takes the model over and gives every rank rank 0's parameters, and buffers where the model has such. Collective.
    /// @param  world  must outlive the trainer
    /// @throws usage_error  on every rank when models differ in shape between ranks, or optimisers in their settings, or the model has
    ///                      no parameters; on this rank when gradients and parameters differ in shape, or a setting makes no sense. No
    ///                      parameter has changed then.
    /// @throws usage_error  on every rank, and on those that a model is split over, when optimisers differ or what is no part does
    /// Cost:   one broadcast of the parameters; the optimiser's state in memory
    data_parallel_trainer(Comm& world, Model model, Partition partition, Sync sync, Optimizer optimizer)
        : world_{&world},
          model_{std::move(model)},
          partition_{std::move(partition)},
          optimizer_{detail::checked(model_, std::move(optimizer))},
          sync_{world, sync} {
        auto&& parameters = parameters_of(model_);
        auto const sizes = detail::block_sizes(parameters);
        auto const count = std::accumulate(sizes.begin(), sizes.end(), std::size_t{0});
        agree([&](auto& group) {
            if (!is_world(group)) return detail::agree_on_rule<argument>(group, "the optimiser of a model that is split over a group", optimizer_);
            detail::agree<argument>(*world_, "the model",
                                    {{"the number of parameters", count},
                                     {"the number of blocks", sizes.size()},
                                     detail::agreed::hash("the list of block sizes", detail::fingerprint(std::span{sizes}))});
            if (count == 0 && !detail::is_split<Model>())
                throw usage_error{
                    "tutti: data_parallel_trainer: the model has no parameters: the spans that its parameters() gives are empty when the "
                    "trainer is built"};
            detail::agree_on_rule<argument>(*world_, "the optimiser", optimizer_);
            prepare_sync();
            check_buffers();
        });
        owned_ = sync_.owned(count);
        // On all ranks, and all parts of the model: all must know who adds up norms.
        double parted = total(owned_ == slice{0, count} ? 0 : 1);
        detail::with_split_group(model_, [&](auto& group) { parted = all_reduce(group, parted); });
        is_whole_ = parted == 0;
        state_ = work::make_state(*world_, parameters, owned_, optimizer_.slots());
        if (world.size() > 1) for_each_block(parameters, [&](auto block) { broadcast(world, block, 0); });
        share_buffers();
        agree([&](auto& group) {
            if (is_world(group)) return;
            if constexpr (!on_device)
                detail::agree<argument>(
                    group, "a model that is split over a group",
                    {detail::agreed::hash("what of its parameters is no part", detail::fingerprint_of_copies(model_))});
        });
    }

    /// Goes once through `data`, in the order of the partition. Collective.
    /// @param  data     a random-access range of samples, or a type with size() and batch(rows); the same on all ranks
    /// @throws usage_error  on every rank, before anything is changed: no data, batch 0, arguments that differ between ranks, ...
    /// @throws what the model or the data set throws, on the rank where it does; the others get `peer_failed`
    /// Cost:   per step that of the model, the synchronisation and the optimiser; one small exchange before and after the epoch
    template <class Data>
    epoch_report run_epoch(Data&& data, epoch_options const& options = {}) {
        static_assert(detail::is_dataset<Data>());
        detail::require_trains_on<Model, Data>();
        auto const size = static_cast<std::size_t>(std::size(data));
        agree([&](auto& group) { detail::check_epoch(group, size, options, epoch_, step_); });
        std::size_t const steps = detail::steps_of(size, options.batch);
        check_share(size);
        auto const share = partition_.share(share_of{epoch_, size, world_->rank(), world_->size()});
        detail::batch_maker<Model, std::remove_reference_t<Data>> batches{data};
        epoch_report report{.epoch = epoch_};
        double loss_sum = 0;
        auto const start = clock::now();
        communicating_ = {};
        for (std::size_t step = options.first_step; step < steps; ++step) {
            std::size_t const first = step * options.batch, last = first + std::min(options.batch, size - first);
            auto const [loss, samples] = gradients_of_window(share, batches, first, last, options.accumulate);
            double const norm = update(options.clip_norm);
            loss_sum += loss;
            ++report.steps, report.samples += last - first;
            after_step_.tell({epoch_, step + 1, steps, last - first, loss / static_cast<double>(samples), norm});
        }
        settle();
        share_buffers();
        report.mean_loss = total(loss_sum) / static_cast<double>(report.samples);
        report.seconds = seconds(clock::now() - start);
        report.communicating = seconds(communicating_);
        ++epoch_;
        after_epoch_.tell(report);
        return report;
    }

    /// One optimiser step on batches that the caller brings, each rank its own. Collective.
    /// @param  batch      of the type the model takes; may be empty on some ranks
    /// @param  samples    how many samples `batch` holds
    /// @param  clip_norm  as in `epoch_options`
    /// @throws usage_error  on every rank when no rank has a sample, or clip_norm differs between ranks or is no norm
    /// Cost:   besides that of a step, one exchange of six numbers; one more of the loss where gradients are exchanged during the pass
    template <class Batch>
    step_report step(Batch const& batch, std::size_t samples, double clip_norm = 0) {
        static_assert(
            trains_on<Model, Batch>,
            "tutti: the model's loss_and_gradients(batch) must accept the batch that step() was given and return the mean loss");
        agree([&](auto& group) {  // before the pass, in which a group that the model is split over meets
            if (is_world(group)) return;
            detail::agree<detail::arguments_of::step>(
                group, "step, of a model that is split over a group",
                {{"the number of samples", samples}, {"clip_norm", clip_norm}, {"the number of steps done", step_}});
        });
        constexpr bool before = overlapping_synchronisation<Sync, Comm>;  // it needs the weight before the pass
        double loss = 0;
        if constexpr (!before) loss = samples == 0 ? 0 : static_cast<double>(loss_and_gradients_of(model_, batch));
        detail::step_totals totals{samples, loss * static_cast<double>(samples), clip_norm, step_};
        if (world_->size() > 1) timed([&] { all_reduce(*world_, std::span{&totals, 1}, detail::join_totals{}); });
        totals.check();  // parts of a model bring the same, so all replicas of all parts find the same
        double const weight = static_cast<double>(samples) / totals.samples;
        if constexpr (before) {
            if (samples != 0) loss = overlapped().batch(batch, weight);
            contribute(samples == 0, weight);
            timed([&] { totals.loss = total(loss * static_cast<double>(samples)); });
        } else {
            contribute(samples == 0, weight);
        }
        double const norm = update(clip_norm);
        settle();
        step_report const report{epoch_, 1, 1, static_cast<std::size_t>(totals.samples), totals.loss / totals.samples, norm};
        after_step_.tell(report);
        return report;
    }
    /// As above; the batch knows its size.
    template <class Batch>
    step_report step(Batch const& batch) {
        return step(batch, static_cast<std::size_t>(std::size(batch)));
    }

    /// The mean of a metric over `data`, each sample counted once; the same on all ranks. Collective.
    /// @param  metric  called as metric(model, batch); gives the batch's mean, a number or a std::array of numbers
    /// @throws usage_error  on every rank: no data, batch 0, arguments that differ between ranks
    /// Cost:   one pass over this rank's share; one all_reduce of the metric
    template <class Data, class Metric>
    auto evaluate(Data&& data, evaluate_options const& options, Metric&& metric) {
        static_assert(detail::is_dataset<Data>());
        using batch_type = detail::batch_for<Model, Data>;
        static_assert(std::is_invocable_v<Metric&, Model&, batch_type const&>,
                      "tutti: evaluate: the metric cannot be called as metric(model, batch), with the model and one of the batches "
                      "that it trains on, as in [](auto& model, auto const& batch) { ... }");
        auto const size = static_cast<std::size_t>(std::size(data));
        agree([&](auto& group) { detail::check_evaluation(group, size, options); });
        share_buffers();
        auto const share = partition::strided{}.share(share_of{0, size, world_->rank(), world_->size()});
        detail::batch_maker<Model, std::remove_reference_t<Data>> batches{data};
        detail::mean_of<std::decay_t<std::invoke_result_t<Metric&, Model&, batch_type const&>>> mean;
        for (std::size_t first = 0, last = 0; first < size; first = last) {
            last = first + std::min(options.batch, size - first);
            std::size_t const from = share.before(first), to = share.before(last);
            if (from != to)
                mean.add(batches.with(share, from, to, [&](auto const& batch) { return metric(model_, batch); }), to - from);
        }
        all_reduce(*world_, mean.sums());
        return mean.over(size);
    }
    /// As above, in batches of the usual size.
    template <class Data, class Metric>
        requires(!std::is_convertible_v<Metric, evaluate_options const&>)
    auto evaluate(Data&& data, Metric&& metric) {
        return evaluate(data, evaluate_options{}, metric);
    }
    /// The mean of the model's own `loss(batch)`.
    template <class Data>
    double evaluate(Data&& data, evaluate_options const& options = {}) {
        return evaluate(data, options, [](auto& model, auto const& batch) {
            static_assert(
                requires { model.loss(batch); }, "tutti: evaluate(data) needs a model with loss(batch); without one, pass a metric: "
                                                 "evaluate(data, [](auto& model, auto const& batch) { ... })");
            return static_cast<double>(model.loss(batch));
        });
    }

    Model& model() { return model_; }
    Model const& model() const { return model_; }
    Comm& world() { return *world_; }

    /// Whether every rank holds the same parameters, bit for bit. Collective.
    /// Cost:   one pass over the parameters; one small exchange
    bool replicas_agree() {
        auto const mine = work::fingerprint(*world_, parameters_of(model_));
        for (auto const theirs : all_gather(*world_, mine))
            if (theirs != mine) return false;
        return true;
    }

    /// The optimiser's state for the parameters that this rank updates, such as momentum: bytes to read, or to overwrite with those
    /// of a trainer of the same model, optimiser, policies and number of ranks, on the same rank. Local.
    /// Returns spans of bytes where the model is: std::span, or `device_span`, which `tutti::copy` reads and overwrites.
    /// Cost:   in device memory, a wait for what is enqueued
    std::vector<typename detail::work_of<Comm, on_device>::type::bytes> state() { return work::bytes_of(*world_, state_); }

    /// What one optimiser step of an epoch hands to collectives on this rank, as the policy's formula. Without what does not grow with the
    /// model: what is compared or summed up per epoch, in `step` and for `clip_norm`; and without `buffers()`. Local.
    step_traffic traffic() {
        static_assert(
            requires(bound_sync const& sync, std::span<block_form const> blocks) { sync.traffic(blocks); },
            "tutti: traffic() needs a synchronisation policy whose bound has traffic(blocks); see "
            "tutti/concepts/synchronisation.hpp");
        return sync_.traffic(detail::forms_of(model_));
    }

    /// Bytes that this rank holds, as formulas. Local.
    rank_memory memory() {
        static_assert(
            requires(bound_sync const& sync, std::span<block_form const> blocks) { sync.memory(blocks); },
            "tutti: memory() needs a synchronisation policy whose bound has memory(blocks); see "
            "tutti/concepts/synchronisation.hpp");
        auto const blocks = detail::forms_of(model_);
        rank_memory held{.parameters = bytes_of(blocks), .gradients = bytes_of(blocks), .sync = sync_.memory(blocks)};
        detail::for_each_owned(parameters_of(model_), owned_,
                               [&](auto part) { held.optimizer += part.size_bytes() * static_cast<std::size_t>(state_.count); });
        if (!accumulated_.empty()) held.accumulation = held.gradients;
        held.norms = work::room_for_norms(state_);
        return held;
    }

private:
    using work = typename detail::work_of<Comm, on_device>::type;
    using bound_sync = typename Sync::template bound<Comm>;
    using argument = detail::arguments_of::data_parallel_trainer;

    struct window_result {
        double loss;          // sum over this rank's samples
        std::size_t samples;  // this rank's
    };

    /// What ranks' own batches have made of the model's buffers differs: from now on all have those of rank 0. Collective.
    void share_buffers() {
        if constexpr (has_buffers<Model>)
            if (world_->size() > 1) for_each_block(model_.buffers(), [&](auto block) { broadcast(*world_, block, 0); });
    }
    /// Tells the policy the form of the blocks, where it asks for that. Collective.
    void prepare_sync() {
        if constexpr (requires(std::span<block_form const> blocks) { sync_.prepare(blocks); }) {
            std::vector<std::size_t> shapes;
            std::vector<block_form> blocks;
            std::string problem;
            try {
                blocks = detail::forms_of(model_);
            } catch (usage_error const& refused) { problem = refused.what(); }
            for (auto const& each : blocks) shapes.insert(shapes.end(), {each.shape.rows, each.shape.columns, each.number});
            if (total(problem.empty() ? 0 : 1) != 0)
                throw usage_error{problem.empty() ? "tutti: the model: its shapes do not fit its blocks on another rank" : problem};
            detail::agree<detail::arguments_of::data_parallel_trainer>(
                *world_, "the model", {detail::agreed::hash("the list of shapes", detail::fingerprint(std::span{shapes}))});
            sync_.prepare(blocks);
        }
    }
    void check_buffers() {
        if constexpr (has_buffers<Model>) {
            auto const sizes = detail::block_sizes(model_.buffers());
            detail::agree<argument>(
                *world_, "the model", {detail::agreed::hash("the list of buffer sizes", detail::fingerprint(std::span{sizes}))});
        }
    }

    template <class Exchange>
    void timed(Exchange exchange) {
        if (world_->size() == 1) return exchange();
        auto const start = clock::now();
        exchange();
        communicating_ += clock::now() - start;
    }

    /// Compares what must be equal on all ranks, and on those that the model is split over, by check(group). What one refuses, all do.
    template <class Check>
    void agree(Check check) {
        detail::agree_with_parts<argument>(*world_, model_, check);
    }
    template <class Group>
    bool is_world(Group const& group) const {
        return static_cast<void const*>(&group) == world_;
    }

    double total(double mine) { return world_->size() == 1 ? mine : all_reduce(*world_, mine); }

    /// Leaves in the model the gradients of the mean over positions [first, last), over all ranks.
    // Inlined by force: g++ 12 may leave it out of line, which cost 55 instructions more per sample.
    template <class Share, class Batches>
    [[gnu::always_inline]] window_result gradients_of_window(Share const& share, Batches& batches, std::size_t first,
                                                             std::size_t last, std::size_t accumulate) {
        if constexpr (overlapping_synchronisation<Sync, Comm>) {
            auto const [loss, samples] = overlapped().window(share, batches, first, last, accumulate);
            contribute(samples == 0, static_cast<double>(samples) / static_cast<double>(last - first));
            return {loss, samples};
        }
        window_result result{0, share.before(last) - share.before(first)};
        auto const whole = static_cast<double>(last - first);
        auto train = [&](std::size_t from, std::size_t to) {
            double const loss = batches.with(
                share, from, to, [&](auto const& batch) { return static_cast<double>(loss_and_gradients_of(model_, batch)); });
            result.loss += loss * static_cast<double>(to - from);
        };
        if (accumulate == 1) {
            if (result.samples != 0) train(share.before(first), share.before(last));
            contribute(result.samples == 0, static_cast<double>(result.samples) / whole);
            return result;
        }
        work::clear_sums(*world_, accumulated_, gradients_of(model_));
        detail::micro_batch_cuts const cuts{last - first, accumulate};
        for (std::size_t part = 0; part < cuts.count(); ++part) {
            std::size_t const from = share.before(first + cuts[part]), to = share.before(first + cuts[part + 1]);
            if (from == to) continue;
            train(from, to);
            work::add_weighted(*world_, accumulated_, gradients_of(model_),
                               static_cast<double>(to - from) / static_cast<double>(result.samples));
        }
        work::copy_sums(*world_, accumulated_, gradients_of(model_));
        contribute(result.samples == 0, static_cast<double>(result.samples) / whole);
        return result;
    }

    auto overlapped() { return detail::overlapped_pass{*world_, model_, sync_, accumulated_}; }

    void contribute(bool none, double weight) {
        auto&& gradients = gradients_of(model_);
        if (none) for_each_block(gradients, [&](auto block) { work::clear(*world_, block); });
        timed([&] {
            if constexpr (std::is_void_v<decltype(sync_.contribute(gradients, weight))>) sync_.contribute(gradients, weight);
            else factor_ = sync_.contribute(gradients, weight);
        });
    }

    /// Moves the owned parameters; returns the norm of the gradient where it was asked for.
    double update(double clip_norm) {
        auto&& parameters = parameters_of(model_);
        auto&& gradients = gradients_of(model_);
        double norm = 0, factor = factor_;
        if (clip_norm > 0) {
            auto const counts = [&](std::size_t block) { return detail::counts_block(model_, block); };
            double const mine =
                detail::sum_of_parts(model_, work::sum_of_squares(*world_, gradients, owned_, counts, state_));
            norm = factor * std::sqrt(is_whole_ ? mine : total(mine));
            if (norm > clip_norm) factor *= clip_norm / norm;
        }
        work::update(*world_, optimizer_, step_ + 1, parameters, gradients, factor, owned_, state_);
        ++step_;
        timed([&] { sync_.publish(parameters); });
        return norm;
    }

    /// Where a policy lets ranks run ahead: takes in what is late. Collective.
    void settle() {
        auto&& parameters = parameters_of(model_);
        auto&& gradients = gradients_of(model_);
        if constexpr (requires { sync_.late(gradients), sync_.settle(parameters); }) {
            double factor = 0;
            timed([&] { factor = sync_.late(gradients); });
            if (factor != 0) work::update(*world_, optimizer_, step_, parameters, gradients, factor, owned_, state_);
            timed([&] { sync_.settle(parameters); });
        }
    }

    /// What a rank alone deals to itself is looked at once.
    void check_share(std::size_t size) {
        bool const anew = dealt_size_ != size;
        agree([&](auto& group) {
            if (is_world(group)) {
                if (world_->size() > 1 || anew) detail::check_deal(*world_, partition_, epoch_, size, world_->size() > 1 && anew);
            } else if (anew) {
                share_of const mine{epoch_, size, world_->rank(), world_->size()};
                detail::agree<detail::arguments_of::run_epoch>(
                    group, "run_epoch, of a model that is split over a group",
                    {{"the number of replicas", mine.ranks},
                     {"the number of the replica", mine.rank},
                     detail::agreed::hash("the list of the partition's settings (seed, ...)",
                                          detail::fingerprint_of_deal(partition_, mine))});
            }
        });
        dealt_size_ = size;
    }

    Comm* world_;
    Model model_;
    Partition partition_;
    Optimizer optimizer_;
    bound_sync sync_;
    slice owned_;
    bool is_whole_ = true;
    double factor_ = 1;  // what the owned gradients are still to be multiplied by
    typename work::state state_;
    typename work::store accumulated_;  // sums over micro-batches; empty until they are used
    std::size_t dealt_size_ = 0;  // size of the data that the partition was last compared for
};

namespace detail {

struct too_few_arguments {};

}  // namespace detail

/// With four arguments: says which is missing.
template <class First, class Second, class Third, class Fourth>
class data_parallel_trainer<detail::too_few_arguments, First, Second, Third, Fourth> {
    static_assert(communicator<First>,
                  "tutti: data_parallel_trainer(world, model, partition, sync, optimizer): the first argument is no communicator, and one "
                  "is missing: the world, as tutti::launch gives it");
    static_assert(!communicator<First>,
                  "tutti: data_parallel_trainer(world, model, partition, sync, optimizer): one of the four after the world is missing; "
                  "such as tutti::partition::shuffled{}, tutti::sync::all_reduce{}, tutti::optim::sgd{}");

public:
    data_parallel_trainer(First const&, Second const&, Third const&, Fourth const&) {}
};
template <class First, class Second, class Third, class Fourth>
data_parallel_trainer(First const&, Second const&, Third const&, Fourth const&)
    -> data_parallel_trainer<detail::too_few_arguments, First, Second, Third, Fourth>;

}  // namespace tutti
