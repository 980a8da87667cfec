#pragma once

#include <tutti/collectives/all_gather.hpp>
#include <tutti/collectives/all_reduce.hpp>
#include <tutti/collectives/broadcast.hpp>
#include <tutti/concepts/blocks.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/concepts/dataset.hpp>
#include <tutti/concepts/model.hpp>
#include <tutti/concepts/optimizer.hpp>
#include <tutti/concepts/partition.hpp>
#include <tutti/concepts/synchronisation.hpp>
#include <tutti/detail/block_store.hpp>
#include <tutti/error.hpp>
#include <tutti/partition/strided.hpp>
#include <tutti/train/agreement.hpp>
#include <tutti/train/batches.hpp>
#include <tutti/train/reports.hpp>
#include <tutti/train/update.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
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
class data_parallel_trainer {
    static_assert(
        communicator<Comm>,
        "tutti: data_parallel_trainer(world, ...): world is no communicator; it needs rank(), size(), announce(), "
        "exchange() and abort(); see tutti/concepts/communicator.hpp");
    static_assert(
        has_parameters<Model>,
        "tutti: the model needs parameters(), a member or a free function, that gives a span of numbers, or a tuple or range of "
        "such spans; see tutti/concepts/model.hpp");
    static_assert(
        has_gradients<Model>,
        "tutti: the model needs gradients(), a member or a free function, that gives spans of the same shape as parameters(); "
        "see tutti/concepts/model.hpp");
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

public:
    /// Takes the model over and gives every rank rank 0's parameters. Collective.
    /// @param  world  must outlive the trainer
    /// @throws usage_error  on every rank when models differ in shape between ranks; on this rank when gradients and parameters
    ///                      do, or a setting makes no sense. No parameter has changed then.
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
        detail::agree(*world_, "the model",
                      {{"parameters", count}, {"blocks", sizes.size()}, {"as sizes of blocks", detail::fingerprint(std::span{sizes})}});
        owned_ = sync_.owned(count);
        is_whole_ = owned_ == slice{0, count};
        state_ = detail::optimizer_state(parameters, owned_, optimizer_.slots());
        if (world.size() > 1) for_each_block(parameters, [&](auto block) { broadcast(world, block, 0); });
    }

    /// Goes once through `data`, in the order of the partition. Collective.
    /// @param  data     a random-access range of samples, or a type with size() and batch(rows); the same on all ranks
    /// @throws usage_error  on every rank, before anything is changed: no data, batch 0, arguments that differ between ranks, ...
    /// @throws what the model or the data set throws, on the rank where it does; the others get `peer_failed`
    /// Cost:   per step that of the model, the synchronisation and the optimiser; one small exchange before and after the epoch
    template <class Data>
    epoch_report run_epoch(Data&& data, epoch_options const& options) {
        detail::require_dataset<Data>();
        detail::require_trains_on<Model, Data>();
        auto const size = static_cast<std::size_t>(std::size(data));
        check_epoch(size, options);
        std::size_t const steps = (size + options.batch - 1) / options.batch;
        check_share(size);
        auto const share = partition_.share(share_of{epoch_, size, world_->rank(), world_->size()});
        detail::batch_maker<Model, std::remove_reference_t<Data>> batches{data};
        epoch_report report{.epoch = epoch_};
        double loss_sum = 0;
        auto const start = clock::now();
        communicating_ = {};
        for (std::size_t step = options.first_step; step < steps; ++step) {
            std::size_t const first = step * options.batch, last = std::min(size, first + options.batch);
            auto const [loss, samples] = gradients_of_window(share, batches, first, last, options.accumulate);
            double const norm = update(options.clip_norm);
            loss_sum += loss;
            ++report.steps, report.samples += last - first;
            for (auto const& call : after_step_)
                call(step_report{epoch_, step + 1, steps, last - first, loss / static_cast<double>(samples), norm});
        }
        report.mean_loss = total(loss_sum) / static_cast<double>(report.samples);
        report.seconds = seconds(clock::now() - start);
        report.communicating = seconds(communicating_);
        ++epoch_;
        for (auto const& call : after_epoch_) call(report);
        return report;
    }

    /// One optimiser step on batches that the caller brings, each rank its own. Collective.
    /// @param  batch      of the type the model takes; may be empty on some ranks
    /// @param  samples    how many samples `batch` holds
    /// @param  clip_norm  as in `epoch_options`
    /// @throws usage_error  on every rank when no rank has a sample
    /// Cost:   besides that of a step, one exchange of two numbers
    template <class Batch>
    step_report step(Batch const& batch, std::size_t samples, double clip_norm = 0) {
        static_assert(
            trains_on<Model, Batch>,
            "tutti: the model's loss_and_gradients(batch) must accept the batch that step() was given and return the mean loss");
        double const loss = samples == 0 ? 0 : static_cast<double>(loss_and_gradients_of(model_, batch));
        std::array<double, 2> sums{static_cast<double>(samples), loss * static_cast<double>(samples)};
        if (world_->size() > 1) timed([&] { all_reduce(*world_, sums); });
        if (sums[0] == 0) throw usage_error{"tutti: step: no rank brought a sample"};
        contribute(samples == 0, static_cast<double>(samples) / sums[0]);
        double const norm = update(clip_norm);
        step_report const report{epoch_, 1, 1, static_cast<std::size_t>(sums[0]), sums[1] / sums[0], norm};
        for (auto const& call : after_step_) call(report);
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
        detail::require_dataset<Data>();
        auto const size = static_cast<std::size_t>(std::size(data));
        detail::agree(*world_, "evaluate", {{"samples", size}, {"batch", options.batch}});
        if (size == 0) throw usage_error{"tutti: evaluate: the data set has no samples"};
        if (options.batch == 0) throw usage_error{"tutti: evaluate: batch must be at least 1"};
        auto const share = partition::strided{}.share(share_of{0, size, world_->rank(), world_->size()});
        detail::batch_maker<Model, std::remove_reference_t<Data>> batches{data};
        detail::mean_of<std::decay_t<decltype(batches.with(share, 0, 1, [&](auto const& batch) { return metric(model_, batch); }))>>
            mean;
        for (std::size_t first = 0; first < size; first += options.batch) {
            std::size_t const from = share.before(first), to = share.before(std::min(size, first + options.batch));
            if (from != to)
                mean.add(batches.with(share, from, to, [&](auto const& batch) { return metric(model_, batch); }), to - from);
        }
        all_reduce(*world_, mean.sums());
        return mean.over(size);
    }
    /// The mean of the model's own `loss(batch)`.
    template <class Data>
    double evaluate(Data&& data, evaluate_options const& options = {}) {
        return evaluate(data, options, [](auto& model, auto const& batch) {
            static_assert(
                requires { model.loss(batch); }, "tutti: evaluate(data, options) needs a model with loss(batch); without one, pass "
                                                 "a metric: evaluate(data, options, [](auto& model, auto const& batch) { ... })");
            return static_cast<double>(model.loss(batch));
        });
    }

    /// Calls `callback(step_report)` on this rank after each of its steps. Local; callbacks stay, in the order they came.
    void after_step(std::function<void(step_report const&)> callback) { after_step_.push_back(std::move(callback)); }
    /// Calls `callback(epoch_report)` on this rank after each epoch.
    void after_epoch(std::function<void(epoch_report const&)> callback) { after_epoch_.push_back(std::move(callback)); }

    Model& model() { return model_; }
    Model const& model() const { return model_; }
    Comm& world() { return *world_; }

    /// Whether every rank holds the same parameters, bit for bit. Collective.
    /// Cost:   one pass over the parameters; one small exchange
    bool replicas_agree() {
        auto const mine = detail::fingerprint(parameters_of(model_));
        for (auto const theirs : all_gather(*world_, mine))
            if (theirs != mine) return false;
        return true;
    }

    /// The number of the next epoch, from 0: it chooses the shuffle. Set it, equally on all ranks, to resume a training.
    std::int64_t epoch() const { return epoch_; }
    void epoch(std::int64_t next) { epoch_ = next; }

private:
    using clock = std::chrono::steady_clock;
    using bound_sync = typename Sync::template bound<Comm>;

    struct window_result {
        double loss;          // sum over this rank's samples
        std::size_t samples;  // this rank's
    };

    static double seconds(clock::duration time) { return std::chrono::duration<double>(time).count(); }

    template <class Exchange>
    void timed(Exchange exchange) {
        if (world_->size() == 1) return exchange();
        auto const start = clock::now();
        exchange();
        communicating_ += clock::now() - start;
    }

    double total(double mine) { return world_->size() == 1 ? mine : all_reduce(*world_, mine); }

    /// Leaves in the model the gradients of the mean over positions [first, last), over all ranks.
    template <class Share, class Batches>
    window_result gradients_of_window(Share const& share, Batches& batches, std::size_t first, std::size_t last,
                                      std::size_t accumulate) {
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
        if (accumulated_.empty())
            accumulated_ = detail::block_store{gradients_of(model_), slice{0, std::numeric_limits<std::size_t>::max()}};
        else accumulated_.clear();
        for (std::size_t part = 0; part < accumulate; ++part) {
            std::size_t const from = share.before(first + (last - first) * part / accumulate),
                              to = share.before(first + (last - first) * (part + 1) / accumulate);
            if (from == to) continue;
            train(from, to);
            detail::add_weighted(accumulated_, gradients_of(model_),
                                 static_cast<double>(to - from) / static_cast<double>(result.samples));
        }
        detail::copy_blocks(accumulated_, gradients_of(model_));
        contribute(result.samples == 0, static_cast<double>(result.samples) / whole);
        return result;
    }

    void contribute(bool none, double weight) {
        auto&& gradients = gradients_of(model_);
        if (none) for_each_block(gradients, [](auto block) { std::fill(block.begin(), block.end(), 0); });
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
            double const mine = detail::sum_of_squares(gradients, owned_);
            norm = factor * std::sqrt(is_whole_ ? mine : total(mine));
            if (norm > clip_norm) factor *= clip_norm / norm;
        }
        detail::update_parameters(optimizer_, ++step_, parameters, gradients, factor, owned_, state_);
        timed([&] { sync_.publish(parameters); });
        return norm;
    }

    void check_epoch(std::size_t size, epoch_options const& options) {
        detail::agree(*world_, "run_epoch",
                      {{"samples", size},
                       {"batch", options.batch},
                       {"accumulate", options.accumulate},
                       {"first_step", options.first_step},
                       {"as clip_norm's bits", std::bit_cast<std::uint64_t>(options.clip_norm)},
                       {"as epoch", static_cast<std::size_t>(epoch_)}});
        if (size == 0) throw usage_error{"tutti: run_epoch: the data set has no samples"};
        if (options.batch == 0) throw usage_error{"tutti: run_epoch: batch must be at least 1"};
        if (options.accumulate == 0) throw usage_error{"tutti: run_epoch: accumulate must be at least 1"};
        if (!(options.clip_norm >= 0))
            throw usage_error{"tutti: run_epoch: clip_norm = " + std::to_string(options.clip_norm) + " must be 0 or more"};
        if (options.first_step >= (size + options.batch - 1) / options.batch)
            throw usage_error{"tutti: run_epoch: first_step = " + std::to_string(options.first_step) +
                              " is past the last step of " + std::to_string(size) + " samples in batches of " +
                              std::to_string(options.batch)};
    }

    /// Every rank deals to itself, so all must deal alike: compares some of what each would deal to each rank.
    void check_share(std::size_t size) {
        if (world_->size() == 1) return;
        std::vector<std::size_t> sample;
        std::exception_ptr refused;
        try {
            for (int rank = 0; rank < world_->size(); ++rank) {
                auto const dealt = partition_.share(share_of{epoch_, size, rank, world_->size()});
                for (std::size_t k = 1; k <= 8; ++k) {
                    sample.push_back(dealt.before(size * k / 8));
                    sample.push_back(sample.back() == 0 ? 0 : dealt.row(sample.back() - 1));
                }
            }
        } catch (usage_error const&) {
            refused = std::current_exception();
            sample.clear();
        }
        detail::agree(*world_, "the partition's settings (seed, weights)",
                      {{"as fingerprint", detail::fingerprint(std::span{sample})}});
        if (refused) std::rethrow_exception(refused);
    }

    Comm* world_;
    Model model_;
    Partition partition_;
    Optimizer optimizer_;
    bound_sync sync_;
    slice owned_;
    bool is_whole_ = true;
    double factor_ = 1;  // what the owned gradients are still to be multiplied by
    detail::optimizer_slots state_;
    detail::block_store accumulated_;  // sums over micro-batches; empty until they are used
    std::int64_t epoch_ = 0, step_ = 0;
    clock::duration communicating_{};
    std::vector<std::function<void(step_report const&)>> after_step_;
    std::vector<std::function<void(epoch_report const&)>> after_epoch_;
};

}  // namespace tutti
